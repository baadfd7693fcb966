//go:build linux

// Package procfs reads what more than one package needs of /proc, proc(5).
package procfs

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Stat is what is used of /proc/PID/stat, proc_pid_stat(5).
type Stat struct {
	State   byte
	Parent  int
	Group   int // of processes
	Session int
	Exiting bool   // PF_EXITING of the kernel's include/linux/sched.h
	Threads int    // with a main thread that has ended
	Start   uint64 // in clock ticks since boot
	Catches uint64 // signals that it ignores or has a handler for, a bit each
}

// Dead tells whether the process has ended, waited for or not. The state is the main
// thread's only: others may go on, and then there is more than the one thread.
func (s Stat) Dead() bool { return s.MainEnded() && s.Threads <= 1 }

// MainEnded tells whether the main thread has ended, with or without the process.
func (s Stat) MainEnded() bool { return s.State == 'Z' || s.State == 'X' }

// Handles tells whether a signal has another than its default action.
func (s Stat) Handles(sig unix.Signal) bool { return s.Catches&(1<<(sig-1)) != 0 }

// ReadStat reads that of process pid. The error is the kernel's where there is none,
// ENOENT or ESRCH.
func ReadStat(pid int) (Stat, error) {
	return readStat(unix.AT_FDCWD, "/proc/"+strconv.Itoa(pid)+"/stat")
}

// ReadStatIn reads that of the process whose directory in /proc is open as dir.
func ReadStatIn(dir int) (Stat, error) { return readStat(dir, "stat") }

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
	var buf [2048]byte // a name of 64, and 52 numbers of at most 21 with the space
	n, err := unix.Read(fd, buf[:])
	unix.Close(fd)
	return string(buf[:max(n, 0)]), err
}

// ParseStat reads the fields that are behind the process's name, which may hold
// anything. An error begins with "stat: ".
func ParseStat(text string) (Stat, error) {
	const first, last = 3, 34 // as the manual page counts
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
		Start: uint64(n[4]), Catches: uint64(n[5] | n[6]), Threads: int(n[7]),
	}, nil
}

// Numbers lists the entries of a directory that are numbers: the processes in /proc,
// descriptors in /proc/PID/fd.
func Numbers(path string) ([]int, error) {
	var list []int
	err := EachNumber(path, func(number int) bool {
		list = append(list, number)
		return true
	})
	return list, err
}

// EachNumber gives them to see, until it wants no more: a directory can have millions.
// The library's own functions look at each entry, and make the helper larger by 40 KB.
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
