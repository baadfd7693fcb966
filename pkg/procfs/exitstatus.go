//go:build linux

package procfs

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// ErrExitStatusHidden is the error for a process whose exit status the kernel hides from this process.
var ErrExitStatusHidden = errors.New("its exit status is hidden: the kernel shows it only to a process that may trace it")

// ReadExitStatusAt reads the exit status of the process whose directory in /proc is open as dir: field 52 of
// its stat, proc_pid_stat(5). A process that may not read it by ptrace(2) sees 0 there and gets
// ErrExitStatusHidden. The kernel applies the same rule to the links in ns, so one of them is tried first.
func ReadExitStatusAt(dir int) (unix.WaitStatus, error) {
	var link [64]byte
	if _, err := unix.Readlinkat(dir, "ns/user", link[:]); errors.Is(err, unix.EACCES) || errors.Is(err, unix.EPERM) {
		return 0, ErrExitStatusHidden
	} else if err != nil {
		return 0, err
	}
	text, err := readText(dir, "stat")
	if err != nil {
		return 0, err
	}
	return parseExitStatus(text)
}

func parseExitStatus(text string) (unix.WaitStatus, error) {
	const first, at = 3, 52 // field numbers of the manual page
	name := strings.LastIndexByte(text, ')')
	fields := strings.Fields(text[name+1:])
	if name < 0 || len(fields) <= at-first {
		return 0, errors.New("stat: too few fields")
	}
	n, err := strconv.ParseUint(fields[at-first], 10, 32)
	if err != nil {
		return 0, fmt.Errorf("stat: field %d: %w", at, err)
	}
	return unix.WaitStatus(n), nil
}
