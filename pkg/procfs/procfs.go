//go:build linux

// Package procfs reads files of /proc that several packages need, proc(5).
package procfs

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Stat holds the fields of /proc/PID/stat that are used, proc_pid_stat(5).
type Stat struct {
	State      byte
	Parent     int
	Group      int // process group
	Session    int
	Exiting    bool   // PF_EXITING of the kernel's include/linux/sched.h
	Threads    int    // including a main thread that has ended
	Start      uint64 // in clock ticks since boot
	NotDefault uint64 // signals that it ignores or handles, one bit each
}

// Dead reports whether the whole process has ended, whether or not its parent has waited for it. State describes
// the main thread only: if other threads still run, Threads is more than one.
func (s Stat) Dead() bool { return s.MainEnded() && s.Threads <= 1 }

// MainEnded reports whether the main thread has ended. Other threads of the process may still run.
func (s Stat) MainEnded() bool { return s.State == 'Z' || s.State == 'X' }

// DefaultAction reports whether a signal has its default action: the process neither ignores nor handles it.
func (s Stat) DefaultAction(sig unix.Signal) bool { return s.NotDefault&(1<<(sig-1)) == 0 }

// ReadStat reads /proc/PID/stat. If there is no such process the error is the kernel's, ENOENT or ESRCH.
func ReadStat(pid int) (Stat, error) {
	return readStat(unix.AT_FDCWD, "/proc/"+strconv.Itoa(pid)+"/stat")
}

// ReadStatAt reads the stat of the process or thread whose directory in /proc is open as dir.
func ReadStatAt(dir int) (Stat, error) { return readStat(dir, "stat") }

func readStat(dir int, name string) (Stat, error) {
	text, err := readText(dir, name)
	if err != nil {
		return Stat{}, err
	}
	return ParseStat(text)
}

func readText(dir int, name string) (string, error) {
	fd, err := unix.Openat(dir, name, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return "", err
	}
	var buf [2048]byte // a name of 64 bytes, and 52 numbers of at most 21 bytes with the space
	n, err := unix.Read(fd, buf[:])
	unix.Close(fd)
	return string(buf[:max(n, 0)]), err
}

// ParseStat parses the fields after the process's name. The name may contain anything. An error begins with
// "stat: ".
func ParseStat(text string) (Stat, error) {
	const first, last = 3, 34 // field numbers of the manual page
	name := strings.LastIndexByte(text, ')')
	fields := strings.Fields(text[name+1:])
	if name < 0 || len(fields) <= last-first {
		return Stat{}, errors.New("stat: too few fields")
	}
	var n [8]int64
	for i, field := range []int{4, 5, 6, 9, 22, 33, 34, 20} {
		var err error
		if n[i], err = strconv.ParseInt(fields[field-first], 10, 64); err != nil {
			return Stat{}, fmt.Errorf("stat: field %d: %w", field, err)
		}
	}
	const exiting = 0x4
	return Stat{
		State: fields[0][0], Parent: int(n[0]), Group: int(n[1]), Session: int(n[2]), Exiting: n[3]&exiting != 0,
		Start: uint64(n[4]), NotDefault: uint64(n[5] | n[6]), Threads: int(n[7]),
	}, nil
}

// Numbers lists the entries of a directory that are numbers: the processes in /proc, the descriptors in
// /proc/PID/fd.
func Numbers(path string) ([]int, error) {
	var list []int
	err := EachNumber(path, func(number int) bool {
		list = append(list, number)
		return true
	})
	return list, err
}

// EachNumber calls see with each of the entries that Numbers returns, until see returns false; a directory can
// have millions. It does not use os.ReadDir, which stats entries and makes the helper 40 KB larger.
func EachNumber(path string, see func(number int) bool) error {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("list %s: %w", path, err)
	}
	defer unix.Close(fd)
	buf := make([]byte, 32<<10)
	for {
		n, err := unix.ReadDirent(fd, buf)
		if err != nil || n <= 0 {
			return err
		}
		_, _, names := unix.ParseDirent(buf[:n], -1, nil)
		for _, name := range names {
			if number, err := strconv.Atoi(name); err == nil && !see(number) {
				return nil
			}
		}
	}
}
