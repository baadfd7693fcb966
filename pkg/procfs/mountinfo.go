//go:build linux

package procfs

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
)

// Mount is a line of /proc/PID/mountinfo, proc_pid_mountinfo(5).
type Mount struct {
	ID, Parent int
	Device     string // major:minor of its file system
	Root       string // the directory or file of the file system that it shows
	Path       string // where it is, from the root directory of the process
	Options    []string
	Shared     bool // a mount beneath it propagates to its peers
	Slave      bool // mounts beneath its master propagate to it
	Type       string
	Source     string
	Upper      string // the directory that an overlay writes to; "" for other file systems
}

// Has reports whether a mount has an option, such as "ro".
func (m Mount) Has(option string) bool { return slices.Contains(m.Options, option) }

// ReadMounts reads the mountinfo of an open /proc/PID. It is an error if there are more than limit mounts. Mounts that
// the process cannot reach from its root directory are not in it.
func ReadMounts(dir *os.File, limit int) ([]Mount, error) { return readMounts(dir, "mountinfo", limit) }

// ReadMountsAgain reads an open mountinfo, from its beginning. Its root directory is that of when it was opened.
func ReadMountsAgain(mountinfo *os.File, limit int) ([]Mount, error) {
	return readMounts(mountinfo, "", limit)
}

func readMounts(dir *os.File, name string, limit int) ([]Mount, error) {
	var list []Mount
	var failed error
	err := ReadLines(dir, name, func(line string) bool {
		m, err := ParseMount(line)
		switch {
		case err != nil:
			failed = err
		case len(list) == limit:
			failed = fmt.Errorf("%s: more than %d mounts", path(dir, name), limit)
		default:
			list = append(list, m)
		}
		return failed == nil
	})
	if err == nil {
		err = failed
	}
	return list, err
}

// RootMount returns the index of the mount that the root directory is on in the mounts of a process; -1 if they lack it. What is
// mounted over the root directory later is beneath it. Mounts that the list lacks are outside of the root directory: the
// process, or one before it, has called chroot(2).
func RootMount(list []Mount) int {
	return slices.IndexFunc(list, func(m Mount) bool { // the root's parent is not in the list
		return m.Path == "/" && !slices.ContainsFunc(list, func(on Mount) bool { return on.ID == m.Parent && on.ID != m.ID })
	})
}

// HasMount reports whether there is a mount with this number in a list.
func HasMount(list []Mount, id int) bool {
	return slices.ContainsFunc(list, func(m Mount) bool { return m.ID == id })
}

// ParseMount parses a line of mountinfo.
func ParseMount(line string) (Mount, error) {
	const optional = 6 // the number of the first optional field
	before, after, ok := strings.Cut(line, " - ")
	fields, rest := strings.Split(before, " "), strings.Split(after, " ")
	if !ok || len(fields) < optional || len(rest) < 2 {
		return Mount{}, fmt.Errorf("mountinfo: too few fields in %q", line)
	}
	m := Mount{
		Device: fields[2], Root: unescape(fields[3]), Path: unescape(fields[4]), Options: strings.Split(fields[5], ","),
		Type: rest[0], Source: unescape(rest[1]),
	}
	for i, to := range []*int{&m.ID, &m.Parent} {
		var err error
		if *to, err = strconv.Atoi(fields[i]); err != nil {
			return Mount{}, fmt.Errorf("mountinfo: field %d: %w", i+1, err)
		}
	}
	if m.Type == "overlay" && len(rest) > 2 { //nolint:mnd // the third field has the file system's options
		for option := range strings.SplitSeq(rest[2], ",") {
			if dir, ok := strings.CutPrefix(option, "upperdir="); ok {
				m.Upper = unescape(dir)
			}
		}
	}
	for _, f := range fields[optional:] {
		m.Shared = m.Shared || strings.HasPrefix(f, "shared:")
		m.Slave = m.Slave || strings.HasPrefix(f, "master:")
	}
	return m, nil
}

// unescape replaces the escapes of seq_path(): space, tab, newline, backslash and #.
func unescape(field string) string {
	if !strings.Contains(field, `\`) {
		return field
	}
	// The backslash comes last, so that an unescaped one does not begin another escape.
	for _, c := range []string{`\040 `, "\\011\t", "\\012\n", `\043#`, `\134\`} {
		field = strings.ReplaceAll(field, c[:4], c[4:])
	}
	return field
}
