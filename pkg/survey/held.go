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
	// HeldBy is what keeps it: a process, the path of a mount, a descriptor. MoreHolders
	// is how many more do.
	HeldBy      []string
	MoreHolders int `json:",omitempty"`
}

// UnownedNamespaces lists the namespaces of no container, by their kinds, and says how many more
// there are.
func UnownedNamespaces(s *Survey) (list []Unowned, more int) {
	found, more := unowned(s)
	for _, u := range found {
		row := Unowned{Kind: u.kind, Inode: u.inode, Processes: u.processes, MoreHolders: u.more}
		for _, h := range u.by {
			row.HeldBy = append(row.HeldBy, h.text())
		}
		list = append(list, row)
	}
	return list, more
}

// holders are the processes that Held names.
func holders(s *Survey) (list []*Process) {
	found, _ := unowned(s)
	for _, u := range found {
		for _, h := range u.by {
			if h.process != nil {
				list = append(list, h.process)
			}
		}
	}
	return list
}

// namespace is one of no container.
type namespace struct {
	kind      ns.Kind
	inode     uint64
	processes int
	by        []holder
	more      int
}

// holder is a process that is in a namespace, or one that holds it otherwise.
type holder struct {
	process *Process
	other   *Holder
}

func (h holder) text() string {
	switch {
	case h.process != nil:
		return fmt.Sprintf("process %d, %s", h.process.PID, h.process.Origin.command())
	case h.other.Path != "":
		return h.other.Path
	}
	return fmt.Sprintf("descriptor %d of process %d", h.other.FD, h.other.PID)
}

// unowned finds them, and how many are left out.
func unowned(s *Survey) (list []*namespace, more int) {
	f := finder{taken: make(map[uint64]bool), found: make(map[uint64]*namespace)}
	f.take(s, 0)
	for _, c := range s.Containers {
		f.take(s, c.Group)
		f.take(s, c.Engine)
	}
	f.findProcesses(s)
	for i := range s.Held {
		if u := f.find(s.Held[i].Kind, s.Held[i].Inode); u != nil {
			u.add(holder{other: &s.Held[i]}, s.Held[i].More)
		}
	}
	for _, u := range f.found {
		if u.processes > 0 || len(u.by) > 0 {
			list = append(list, u)
		}
	}
	slices.SortFunc(list, func(a, b *namespace) int {
		return cmp.Or(cmp.Compare(a.kind, b.kind), cmp.Compare(a.inode, b.inode))
	})
	var of [len(Inodes{})]int
	all := len(list)
	list = slices.DeleteFunc(list, func(u *namespace) bool {
		of[u.kind]++
		return of[u.kind] > maxUnowned
	})
	return list, all - len(list)
}

// add adds a holder, and how many more there are. A mount that other processes see as well
// is one holder.
func (u *namespace) add(h holder, more int) {
	u.more += more
	if h.other != nil && h.other.Path != "" && slices.ContainsFunc(u.by, func(b holder) bool {
		return b.other != nil && b.other.Path == h.other.Path
	}) {
		return
	}
	if len(u.by) < MaxHolders {
		u.by = append(u.by, h)
	} else {
		u.more++
	}
}

// finder has the namespaces that were found, by their inodes, and those of containers,
// the host and the engine, which aren't looked for.
type finder struct {
	taken map[uint64]bool
	found map[uint64]*namespace
}

func (f finder) take(s *Survey, group int) {
	for _, inode := range s.Groups[group].Namespaces {
		f.taken[inode] = true
	}
}

// findProcesses finds the namespaces that processes are in, and one of each group that has
// an origin.
func (f finder) findProcesses(s *Survey) {
	named := make([]*Process, len(s.Groups))
	for i := range s.Processes {
		if p := &s.Processes[i]; named[p.Group] == nil && p.Origin != nil {
			named[p.Group] = p
		}
	}
	for i, g := range s.Groups {
		for k, inode := range g.Namespaces {
			u := f.find(ns.Kind(k), inode)
			if u == nil || g.Count == 0 {
				continue
			}
			u.processes += g.Count
			if named[i] != nil {
				u.add(holder{process: named[i]}, 0)
			}
		}
	}
}

func (f finder) find(k ns.Kind, inode uint64) *namespace {
	if inode == 0 || f.taken[inode] {
		return nil
	}
	u := f.found[inode]
	if u == nil {
		u = &namespace{kind: k, inode: inode}
		f.found[inode] = u
	}
	return u
}

// ParseLink reads a link to a namespace, such as net:[4026531833], which is also the root
// of a mount of its file.
func ParseLink(link string) (ns.Kind, uint64, bool) {
	name, number, _ := strings.Cut(strings.TrimSuffix(link, "]"), ":[")
	k, err := ns.Parse(name)
	if err != nil {
		return 0, 0, false
	}
	inode, err := strconv.ParseUint(number, 10, 64)
	return k, inode, err == nil
}

// ParseMount reads the root of a mount and where it is from the beginning of its line in a
// mountinfo, proc_pid_mountinfo(5); false where the line is shorter. One space is between
// two fields: the kernel escapes it in names, but not what else is white in Unicode.
func ParseMount(line string) (root, path string, ok bool) {
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
