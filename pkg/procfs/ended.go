//go:build linux

package procfs

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// ErrUntold is the error of an end that the kernel does not tell this process of.
var ErrUntold = errors.New("how it ended is not known: the kernel tells only a process that may trace it")

// EndStatusIn reads how the process ended whose directory in /proc is open as dir: field 52 of
// its stat, proc_pid_stat(5), which the kernel shows to a process that may read it by
// ptrace(2). All others read 0 there, and get ErrUntold. The links in ns are shown by the same rule.
func EndStatusIn(dir int) (unix.WaitStatus, error) {
	var link [64]byte
	if _, err := unix.Readlinkat(dir, "ns/user", link[:]); errors.Is(err, unix.EACCES) || errors.Is(err, unix.EPERM) {
		return 0, ErrUntold
	} else if err != nil {
		return 0, err
	}
	text, err := readText(dir, "stat")
	if err != nil {
		return 0, err
	}
	return parseEndStatus(text)
}

func parseEndStatus(text string) (unix.WaitStatus, error) {
	const first, at = 3, 52 // as the manual page counts
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
