//go:build linux

package procfs

import (
	"fmt"
	"os"
	"strconv"
	"strings"
)

// Status is the text of /proc/PID/status, proc_pid_status(5).
type Status string

// ReadStatus reads the status of a process or thread whose directory in /proc is open.
func ReadStatus(dir *os.File) (Status, error) {
	text, err := ReadFile(dir, "status")
	return Status(text), err
}

// Field returns the value of a line, and false if there is no such line. A process's name cannot fake a
// line: the kernel escapes newlines in it.
func (s Status) Field(name string) (string, bool) {
	for line := range strings.Lines(string(s)) {
		if value, ok := strings.CutPrefix(line, name); ok && strings.HasPrefix(value, ":") {
			return strings.TrimSpace(value[1:]), true
		}
	}
	return "", false
}

// Number reads a field that is one number. A missing field is an error.
func (s Status) Number(name string, base int) (uint64, error) {
	value, ok := s.Field(name)
	if !ok {
		return 0, fmt.Errorf("status has no line %s", name)
	}
	n, err := strconv.ParseUint(value, base, 64)
	if err != nil {
		return 0, fmt.Errorf("status line %s: %w", name, err)
	}
	return n, nil
}

// IDs reads a field that is a list of numbers, such as Uid or Groups. A missing field is an empty list.
func (s Status) IDs(name string) ([]uint32, error) {
	var list []uint32
	value, _ := s.Field(name)
	for word := range strings.FieldsSeq(value) {
		n, err := strconv.ParseUint(word, 10, 32)
		if err != nil {
			return nil, fmt.Errorf("status line %s: %w", name, err)
		}
		list = append(list, uint32(n))
	}
	return list, nil
}

// Filters returns the number of seccomp filters. For a process with a filter it is an error before Linux 5.9,
// which does not show the number.
func (s Status) Filters() (int, error) {
	mode, err := s.Number("Seccomp", 10)
	if err != nil || mode == 0 {
		return 0, err
	}
	n, err := s.Number("Seccomp_filters", 10)
	return int(n), err
}
