package survey

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/nsjoin/docker-nsjoin/pkg/ns"
)

// Unowned is a namespace that belongs neither to a container nor to the host or the engine.
type Unowned struct {
	Kind  ns.Kind
	Inode uint64
	// Processes is the number of processes in it.
	Processes int
	// HeldBy describes what keeps it alive: a process, a mount or a descriptor. MoreHolders is the
	// number of those not listed.
	HeldBy      []string
	MoreHolders int `json:",omitempty"`
}

// UnownedNamespaces lists the namespaces of no container, sorted by kind, and returns how many it
// leaves out.
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

// holders returns the processes that UnownedNamespaces names.
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

// namespace is a namespace of no container.
type namespace struct {
	kind      ns.Kind
	inode     uint64
	processes int
	by        []holder
	more      int
}

// holder keeps a namespace alive: a process in it, or a Holder.
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

// unowned returns the namespaces of no container, at most maxUnowned of a kind, and how many it leaves
// out.
func unowned(s *Survey) (list []*namespace, more int) {
	f := finder{owned: make(map[uint64]bool), found: make(map[uint64]*namespace)}
	f.addOwned(s, 0)
	for _, c := range s.Containers {
		f.addOwned(s, c.Group)
		f.addOwned(s, c.Engine)
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

// add adds a holder and the number of further ones. A mount that several processes see counts
// once.
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

// finder collects namespaces of no container by inode. owned has those of containers, the host and
// the engine.
type finder struct {
	owned map[uint64]bool
	found map[uint64]*namespace
}

func (f finder) addOwned(s *Survey, group int) {
	for _, inode := range s.Groups[group].Namespaces {
		f.owned[inode] = true
	}
}

// findProcesses finds the namespaces that processes are in. As a holder it names one process of each
// group, one with an Origin.
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
	if inode == 0 || f.owned[inode] {
		return nil
	}
	u := f.found[inode]
	if u == nil {
		u = &namespace{kind: k, inode: inode}
		f.found[inode] = u
	}
	return u
}

// ParseLink parses the target of a link in /proc/PID/ns, such as net:[4026531833]. The root of a
// mount of a namespace file has the same form.
func ParseLink(link string) (ns.Kind, uint64, bool) {
	name, number, _ := strings.Cut(strings.TrimSuffix(link, "]"), ":[")
	k, err := ns.Parse(name)
	if err != nil {
		return 0, 0, false
	}
	inode, err := strconv.ParseUint(number, 10, 64)
	return k, inode, err == nil
}

// ParseMount returns the root and the mount point in a line of proc_pid_mountinfo(5), which may be
// truncated after them; false if they are missing. Fields are separated by single spaces: the
// kernel escapes those in names, but not other Unicode white space.
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
		// The backslash comes last, so that an unescaped one does not begin another escape.
		for _, c := range []string{`\040 `, "\\011\t", "\\012\n", `\134\`} {
			field = strings.ReplaceAll(field, c[:4], c[4:])
		}
		return field
	}
	return unescape(fields[rootField]), unescape(fields[pathField]), true
}
