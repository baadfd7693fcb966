//go:build linux

package procfs

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// EndStatusIn reads how the process ended whose directory in /proc is open as dir: field 52 of
// its stat, proc_pid_stat(5), which the kernel shows to who may trace the process. To all others
// it is 0.
func EndStatusIn(dir int) (unix.WaitStatus, error) {
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
