// Package accounts reads the names of users and groups from /etc/passwd and /etc/group. These files are the
// container's: a FIFO or a device in their place is not waited for, and not more than a limit is read. os/user
// has neither.
package accounts

import (
	"errors"
	"io"
	"os"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/sys/unix"
)

// limit is how much of a file is read, in bytes.
const limit = 1 << 20

var errNoFile = errors.New("it is not a regular file, or too large")

// ReadFile reads a file of the container's that may be anything.
func ReadFile(path string) (string, error) {
	file, err := os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK|unix.O_NOCTTY, 0)
	if err != nil {
		return "", err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return "", err
	}
	if !info.Mode().IsRegular() || info.Size() > limit {
		return "", &os.PathError{Op: "read", Path: path, Err: errNoFile}
	}
	text, err := io.ReadAll(io.LimitReader(file, limit))
	return string(text), err
}

// Table has the lines of /etc/passwd or /etc/group.
type Table struct{ lines [][]string }

var (
	users  = sync.OnceValue(func() Table { return read("/etc/passwd") })
	groups = sync.OnceValue(func() Table { return read("/etc/group") })
)

// Users returns the table of users; it is empty if the file can't be read.
func Users() Table { return users() }

// Groups returns the table of groups; it is empty if the file can't be read.
func Groups() Table { return groups() }

func read(path string) (t Table) {
	text, err := ReadFile(path)
	if err != nil {
		return t
	}
	for line := range strings.SplitSeq(text, "\n") {
		if fields := strings.Split(line, ":"); len(fields) >= 3 && fields[0] != "" {
			t.lines = append(t.lines, fields)
		}
	}
	return t
}

// Name returns the name of an ID, or the ID in digits.
func (t Table) Name(id uint32) string {
	digits := strconv.FormatUint(uint64(id), 10)
	if line := t.byID(digits); line != nil {
		return line[0]
	}
	return digits
}

// Has reports whether an ID has a name.
func (t Table) Has(id uint32) bool { return t.byID(strconv.FormatUint(uint64(id), 10)) != nil }

func (t Table) byID(digits string) []string { return t.Line(2, digits) }

// Line returns the fields of the first line with this value in a field: 0 is the name, 2 the ID.
func (t Table) Line(field int, value string) []string {
	for _, line := range t.lines {
		if line[field] == value {
			return line
		}
	}
	return nil
}

// ID returns the ID of a name or of digits.
func (t Table) ID(name string) (uint32, bool) {
	for _, line := range t.lines {
		if line[0] == name {
			id, err := strconv.ParseUint(line[2], 10, 32)
			return uint32(id), err == nil
		}
	}
	id, err := strconv.ParseUint(name, 10, 32)
	return uint32(id), err == nil
}

// Group returns a user's own group, if the table of users has the user.
func (t Table) Group(id uint32) (uint32, bool) {
	line := t.byID(strconv.FormatUint(uint64(id), 10))
	if len(line) < 4 {
		return 0, false
	}
	gid, err := strconv.ParseUint(line[3], 10, 32)
	return uint32(gid), err == nil
}

// Of returns the groups that have a member of this name.
func (t Table) Of(user string) (ids []uint32) {
	for _, line := range t.lines {
		if len(line) < 4 {
			continue
		}
		for member := range strings.SplitSeq(line[3], ",") {
			if member != user {
				continue
			}
			if id, err := strconv.ParseUint(line[2], 10, 32); err == nil {
				ids = append(ids, uint32(id))
			}
		}
	}
	return ids
}

// Lines returns the fields of all lines.
func (t Table) Lines() [][]string { return t.lines }

// Names returns the names of the table.
func (t Table) Names() (list []string) {
	for _, line := range t.lines {
		list = append(list, line[0])
	}
	return list
}

// Home returns a user's home directory, or nothing.
func Home(user string) string {
	if line := Users().Line(0, user); len(line) > 5 {
		return line[5]
	}
	return ""
}
