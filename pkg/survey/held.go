package survey

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/nsjoin/docker-nsjoin/pkg/ns"
)

// Unowned is a namespace of no container, nor of the host or the engine.
type Unowned struct {
	Kind  ns.Kind
	Inode uint64
	// Processes is how many are in it.
	Processes int
	// HeldBy is what keeps it: a process, the path of a mount, a descriptor.
	HeldBy []string
}

// Held lists the namespaces of no container, by their kinds.
func Held(s *Survey) []Unowned {
	taken := make(map[uint64]bool)
	take := func(group int) {
		for _, inode := range s.Groups[group].Namespaces {
			taken[inode] = true
		}
	}
	take(0)
	for _, c := range s.Containers {
		take(c.Group)
		take(c.Engine)
	}
	found := unowned{taken: taken, by: make(map[uint64]*Unowned)}
	named := make(map[int]string) // a process of each group
	for _, p := range s.Processes {
		if named[p.Group] == "" && p.Origin != nil {
			named[p.Group] = fmt.Sprintf("process %d, %s", p.PID, p.Origin.command())
		}
	}
	for i, g := range s.Groups {
		for k, inode := range g.Namespaces {
			if g.Count > 0 {
				found.add(ns.Kind(k), inode, g.Count, named[i])
			}
		}
	}
	for _, h := range s.Held {
		if k, inode, ok := h.namespace(); ok {
			found.add(k, inode, 0, h.text())
		}
	}
	list := make([]Unowned, 0, len(found.by))
	for _, u := range found.by {
		list = append(list, *u)
	}
	slices.SortFunc(list, func(a, b Unowned) int { return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Inode, b.Inode)) })
	return list
}

// unowned are those found so far, by their inodes, and the inodes that aren't looked for.
type unowned struct {
	taken map[uint64]bool
	by    map[uint64]*Unowned
}

// add counts processes in a namespace, and what holds it, if that has a name.
func (f unowned) add(k ns.Kind, inode uint64, processes int, holder string) {
	if inode == 0 || f.taken[inode] {
		return
	}
	u := f.by[inode]
	if u == nil {
		u = &Unowned{Kind: k, Inode: inode}
		f.by[inode] = u
	}
	u.Processes += processes
	if holder != "" && !slices.Contains(u.HeldBy, holder) {
		u.HeldBy = append(u.HeldBy, holder)
	}
}

// namespace reads the link, a mount's root; what is no namespace's isn't ok.
func (h Holder) namespace() (ns.Kind, uint64, bool) {
	link := h.Link
	if root, _, ok := h.mount(); ok {
		link = root
	}
	name, number, _ := strings.Cut(strings.TrimSuffix(link, "]"), ":[")
	k, err := ns.Parse(name)
	if err != nil {
		return 0, 0, false
	}
	inode, err := strconv.ParseUint(number, 10, 64)
	return k, inode, err == nil
}

func (h Holder) mount() (root, path string, ok bool) { return Mounted(h.Mount) }

// Mounted reads the root of a mount and where it is from the beginning of its line in a
// mountinfo, proc_pid_mountinfo(5); false where the line is shorter. One space is between
// two fields: the kernel escapes it in names, but not what else is white in Unicode.
func Mounted(line string) (root, path string, ok bool) {
	const rootField, pathField = 3, 4
	fields := strings.Split(line, " ")
	if len(fields) <= pathField {
		return "", "", false
	}
	unescape := func(field string) string {
		if !strings.Contains(field, `\`) {
			return field
		}
		// The backslash last, since what it begins then isn't escaped.
		for _, c := range []string{`\040 `, "\\011\t", "\\012\n", `\134\`} {
			field = strings.ReplaceAll(field, c[:4], c[4:])
		}
		return field
	}
	return unescape(fields[rootField]), unescape(fields[pathField]), true
}

func (h Holder) text() string {
	if _, path, ok := h.mount(); ok {
		return printable(path)
	}
	return fmt.Sprintf("descriptor %d of process %d", h.FD, h.PID)
}
