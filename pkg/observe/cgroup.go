//go:build linux

package observe

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/pkg/plan"
)

// parseCgroups reads /proc/PID/cgroup, cgroups(7): ID:CONTROLLERS:PATH.
func parseCgroups(text string) []plan.Cgroup {
	var groups []plan.Cgroup
	for line := range strings.Lines(text) {
		parts := strings.SplitN(strings.TrimSuffix(line, "\n"), ":", 3)
		if len(parts) == 3 {
			groups = append(groups, plan.Cgroup{Hierarchy: parts[1], Path: parts[2]})
		}
	}
	return groups
}

// readCgroups are the groups that p is in.
func (p *Process) readCgroups() ([]plan.Cgroup, error) {
	text, err := p.read("cgroup")
	if err != nil {
		return nil, err
	}
	return parseCgroups(text), nil
}

// foreignCgroups are the groups of p that self isn't in, in every hierarchy.
func (p *Process) foreignCgroups(self *Process) ([]plan.Cgroup, error) {
	theirs, err := p.readCgroups()
	if err != nil {
		return nil, err
	}
	ours, err := self.readCgroups()
	if err != nil {
		return nil, err
	}
	own := make(map[plan.Cgroup]bool, len(ours))
	for _, g := range ours {
		own[g] = true
	}
	var foreign []plan.Cgroup
	for _, g := range theirs {
		if own[g] {
			continue
		}
		if !strings.HasPrefix(g.Path, "/") || above(g.Path) {
			return nil, fmt.Errorf("cgroup %s is outside of this cgroup namespace", g)
		}
		foreign = append(foreign, g)
	}
	return foreign, nil
}

// above tells whether a group is above the root of the cgroup namespace, where
// its path begins with /.., cgroup_namespaces(7).
func above(path string) bool { return path == "/.." || strings.HasPrefix(path, "/../") }

// cgroupMount is a mounted hierarchy.
type cgroupMount struct {
	options []string // its controllers, or "name=systemd"; empty for v2
	root    string   // the group that is mounted
	point   string   // where
	seenBy  *Process // by whom
}

// parseCgroupMounts finds the hierarchies in a mountinfo, proc_pid_mountinfo(5).
func parseCgroupMounts(mountinfo string) []cgroupMount {
	var mounts []cgroupMount
	for line := range strings.Lines(mountinfo) {
		before, after, ok := strings.Cut(line, " - ")
		fields, tail := strings.Fields(before), strings.Fields(after)
		if !ok || len(fields) < 5 || len(tail) < 3 {
			continue
		}
		m := cgroupMount{root: unescape(fields[3]), point: unescape(fields[4])}
		switch tail[0] {
		case "cgroup2":
		case "cgroup":
			m.options = strings.Split(tail[2], ",")
		default:
			continue
		}
		mounts = append(mounts, m)
	}
	return mounts
}

// unescape undoes the octal escapes of a mountinfo's fields.
func unescape(field string) string {
	return strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`).Replace(field)
}

// holds tells whether the mount shows group g, and where.
func (m cgroupMount) holds(g plan.Cgroup) (string, bool) {
	if g.Hierarchy == "" {
		if m.options != nil {
			return "", false
		}
	} else {
		for controller := range strings.SplitSeq(g.Hierarchy, ",") {
			if !slices.Contains(m.options, controller) {
				return "", false
			}
		}
	}
	if above(m.root) {
		return "", false
	}
	rel, err := filepath.Rel(m.root, g.Path)
	if err != nil || above("/"+rel) {
		return "", false
	}
	return filepath.Join(m.point, rel), true
}

// openCgroups opens the cgroup.procs of each group for writing. Writing a pid
// there moves that process. Each is looked for where the processes given see
// hierarchies mounted, in turn.
func (o *Observation) openCgroups(groups []plan.Cgroup, seenBy []*Process) error {
	if len(groups) == 0 {
		return nil
	}
	mounts, err := allCgroupMounts(seenBy)
	if err != nil {
		return err
	}
	for _, g := range groups {
		f, err := openInCgroup(mounts, g, "cgroup.procs", unix.O_WRONLY)
		if err != nil {
			return fmt.Errorf("cgroup %s: %w", g, err)
		}
		o.Cgroups = append(o.Cgroups, f)
		if o.memory == nil {
			o.memory = openMemory(mounts, g)
		}
	}
	o.oomKills, err = oomKills(o.memory)
	return err
}

func allCgroupMounts(seenBy []*Process) ([]cgroupMount, error) {
	var all []cgroupMount
	for _, p := range seenBy {
		info, err := p.read("mountinfo")
		if err != nil {
			return nil, err
		}
		for _, m := range parseCgroupMounts(info) {
			m.seenBy = p
			all = append(all, m)
		}
	}
	return all, nil
}

// openInCgroup opens a file of a group.
func openInCgroup(mounts []cgroupMount, g plan.Cgroup, name string, flags int) (*os.File, error) {
	for _, m := range mounts {
		if dir, ok := m.holds(g); ok {
			return m.seenBy.open("root"+filepath.Join(dir, name), flags)
		}
	}
	return nil, errors.New("its hierarchy is not mounted")
}
