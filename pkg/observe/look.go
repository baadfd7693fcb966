//go:build linux

package observe

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/pkg/ns"
	"github.com/nsjoin/docker-nsjoin/pkg/survey"
)

// lookAt opens /proc/PID as a bare descriptor, for what is only told and not
// joined: everything that is read by it is of the same process, or ESRCH. An
// os.File would take a system call more each.
func lookAt(pid int) (int, error) {
	return unix.Open("/proc/"+strconv.Itoa(pid), unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
}

// lookInto is lookAt for what few processes are asked for.
func lookInto(pid int) (*Process, error) {
	dir, err := openDir("/proc/" + strconv.Itoa(pid))
	return &Process{PID: pid, dir: dir}, err
}

// release closes what Hold opened.
func (p *Process) release() {
	p.dir.Close()
	p.Pidfd.Close()
}

// inodes reads a process's links in /proc/PID/ns, such as net:[4026531833].
func inodes(dir int) (survey.Inodes, error) {
	var nodes survey.Inodes
	var buf [64]byte
	for _, k := range ns.Kinds() {
		n, err := unix.Readlinkat(dir, "ns/"+k.String(), buf[:])
		if err == unix.ENOENT && k == ns.Time { //nolint:errorlint // the pass is made of this
			continue // not of this kernel
		}
		if err != nil {
			return nodes, err
		}
		for _, digit := range buf[:n] {
			if digit >= '0' && digit <= '9' {
				nodes[k] = nodes[k]*10 + uint64(digit-'0')
			}
		}
	}
	return nodes, nil
}

// born reads the parent and the start of a process, proc_pid_stat(5).
func born(dir int) (parent int, start uint64, err error) {
	fd, err := unix.Openat(dir, "stat", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return 0, 0, err
	}
	var buf [512]byte // what is wanted is in the first 400
	n, err := unix.Read(fd, buf[:])
	unix.Close(fd)
	if err != nil {
		return 0, 0, err
	}
	return parseStat(string(buf[:n]))
}

// parseStat finds them by the name, which may hold anything.
func parseStat(text string) (parent int, start uint64, err error) {
	fields := strings.Fields(text[strings.LastIndexByte(text, ')')+1:])
	const ppid, starttime = 4 - 3, 22 - 3 // as the manual page counts, from the state on
	if len(fields) <= starttime {
		return 0, 0, errShort
	}
	parent, err = strconv.Atoi(fields[ppid])
	if err != nil {
		return 0, 0, err
	}
	start, err = strconv.ParseUint(fields[starttime], 10, 64)
	return parent, start, err
}

var errShort = errors.New("stat is short")

func inodesOf(pid int) (survey.Inodes, error) {
	dir, err := lookAt(pid)
	if err != nil {
		return survey.Inodes{}, err
	}
	nodes, err := inodes(dir)
	unix.Close(dir)
	return nodes, err
}

// numbers lists the entries of a directory that are numbers. The library's own
// functions look at each entry, and make the helper larger by 40 KB.
func numbers(path string) ([]int, error) {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("list %s: %w", path, err)
	}
	var list []int
	buf := make([]byte, 32<<10)
	for {
		n, err := unix.ReadDirent(fd, buf)
		if err != nil || n <= 0 {
			unix.Close(fd)
			return list, err
		}
		_, _, names := unix.ParseDirent(buf[:n], -1, nil)
		for _, name := range names {
			if number, err := strconv.Atoi(name); err == nil {
				list = append(list, number)
			}
		}
	}
}
