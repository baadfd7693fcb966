//go:build linux

package observe

import (
	"errors"
	"fmt"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/pkg/plan"
	"github.com/nsjoin/docker-nsjoin/pkg/survey"
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

// readCgroups reads the groups that p is in, once.
func (p *Process) readCgroups() ([]plan.Cgroup, error) {
	if p.groups == nil {
		text, err := p.read("cgroup")
		if err != nil {
			return nil, err
		}
		p.groups = parseCgroups(text)
	}
	return p.groups, nil
}

// foreignCgroups are the groups of p, the first process of container id or none's, that self isn't
// in, in every hierarchy.
//
// The process may have moved to a group beneath the container's own. docker exec stays in the
// latter. Only where cgroup v2 has no place for processes there, its runtime, runc's
// setnsProcess.start, goes where the process is.
func (p *Process) foreignCgroups(self *Process, id string, seenBy []*Process) ([]plan.Cgroup, error) {
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
		if path := ownGroup(g.Path, id); path != g.Path {
			container := plan.Cgroup{Hierarchy: g.Hierarchy, Path: path}
			if g.Hierarchy != "" || takesProcesses(container, seenBy) {
				g = container
			}
		}
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

// ownGroup is the group that the runtime made for container id, the first part of the path that is
// named by it. What is beneath is the container's. Without such a part it is the path.
func ownGroup(path, id string) string {
	end := 0
	for part := range strings.SplitAfterSeq(path, "/") {
		end += len(part)
		if id != "" && containerOf(strings.TrimSuffix(part, "/")) == id {
			return strings.TrimSuffix(path[:end], "/")
		}
	}
	return path
}

// takesProcesses tells whether a group of cgroup v2 that has others with processes beneath it can
// have some itself: cgroup_migrate_vet_dst of the kernel's kernel/cgroup/cgroup.c.
func takesProcesses(g plan.Cgroup, seenBy []*Process) bool {
	places, err := findCgroups([]plan.Cgroup{g}, seenBy)
	if err != nil {
		return false
	}
	switch places[0].line("cgroup.type") {
	case "domain threaded", "threaded":
		return true
	case "domain":
		return places[0].line("cgroup.subtree_control") == ""
	}
	return false
}

// line is a short file of the group, without its end; "?" where it can't be read.
func (p place) line(name string) string {
	f, err := p.open(name, unix.O_RDONLY)
	if err != nil {
		return "?"
	}
	defer f.Close()
	text := make([]byte, 256)
	n, err := unix.Read(int(f.Fd()), text)
	if err != nil {
		return "?"
	}
	return strings.TrimSpace(string(text[:n]))
}

// above tells whether a group is above the root of the cgroup namespace, where
// its path begins with /.., cgroup_namespaces(7).
func above(path string) bool { return path == "/.." || strings.HasPrefix(path, "/../") }

// cgroupMount is a mounted hierarchy.
type cgroupMount struct {
	options []string // its controllers, or "name=systemd"; empty for v2
	root    string   // the group that is mounted
	point   string   // where
}

// parseCgroupMount reads a line of a mountinfo, proc_pid_mountinfo(5); false where
// it isn't a hierarchy's.
func parseCgroupMount(line string) (cgroupMount, bool) {
	before, after, ok := strings.Cut(line, " - cgroup")
	if !ok {
		return cgroupMount{}, false
	}
	root, point, ok := survey.ParseMount(before)
	tail := strings.Split("cgroup"+strings.TrimSuffix(after, "\n"), " ")
	if !ok || len(tail) < 3 {
		return cgroupMount{}, false
	}
	m := cgroupMount{root: root, point: point}
	switch tail[0] {
	case "cgroup2":
		return m, true
	case "cgroup":
		m.options = strings.Split(tail[2], ",")
		return m, true
	}
	return cgroupMount{}, false
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
	rel, below := strings.CutPrefix(path.Clean(g.Path), strings.TrimSuffix(path.Clean(m.root), "/"))
	if !below || rel != "" && rel[0] != '/' {
		return "", false
	}
	return path.Join(m.point, rel), true
}

// openCgroups opens the file of each group that takes who is to join: tasks of v1,
// where a thread can join alone, and cgroup.procs of v2. Each is looked for where
// the processes given see hierarchies mounted, in turn.
func (o *Observation) openCgroups(groups []plan.Cgroup, seenBy []*Process) error {
	places, err := findCgroups(groups, seenBy)
	if err != nil {
		return err
	}
	for i, g := range groups {
		name := "tasks"
		if g.Hierarchy == "" {
			name = "cgroup.procs"
			if o.CgroupDir, err = places[i].open("", unix.O_PATH|unix.O_DIRECTORY); err != nil {
				return fmt.Errorf("cgroup %s: %w", g, err)
			}
		}
		f, err := places[i].open(name, unix.O_WRONLY)
		if err != nil {
			return fmt.Errorf("cgroup %s: %w", g, err)
		}
		o.Cgroups = append(o.Cgroups, f)
		o.openFreezer(places[i], g)
		if o.memory == nil {
			o.memory = openMemory(places[i], g)
		}
	}
	o.oomKills, err = oomKills(o.memory)
	return err
}

// place is where a group can be seen: in a directory, by a process.
type place struct {
	by  *Process // nil where it can't
	dir string
}

// findCgroups finds the place of each group. It reads no more of the mounts than
// it needs: there are several for each container, and the hierarchies are among
// the first.
func findCgroups(groups []plan.Cgroup, seenBy []*Process) ([]place, error) {
	places := make([]place, len(groups))
	missing := len(groups)
	for _, p := range seenBy {
		if missing == 0 {
			break
		}
		err := p.readLines("mountinfo", func(line string) bool {
			m, ok := parseCgroupMount(line)
			for i, g := range groups {
				if !ok || places[i].by != nil {
					continue
				}
				if dir, holds := m.holds(g); holds {
					places[i] = place{p, dir}
					missing--
				}
			}
			return missing > 0
		})
		if err != nil {
			return nil, err
		}
	}
	return places, nil
}

// open opens a file of the group.
func (p place) open(name string, flags int) (*os.File, error) {
	if p.by == nil {
		return nil, errors.New("its hierarchy is not mounted")
	}
	return p.by.open("root"+path.Join(p.dir, name), flags)
}

// take puts a process into the group.
func (p place) take(pid int) error {
	f, err := p.open("cgroup.procs", unix.O_WRONLY)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = f.WriteString(strconv.Itoa(pid))
	return err
}

// TakeBack puts a process into our own group of the freezer of cgroup v1, which lets it
// go on where another one holds it.
func (o *Observation) TakeBack(pid int) error {
	ours, err := o.self.readCgroups()
	if err != nil {
		return err
	}
	var freezer []plan.Cgroup
	for _, g := range ours {
		if strings.Contains(g.Hierarchy, "freezer") {
			freezer = append(freezer, g)
		}
	}
	places, err := findCgroups(freezer, []*Process{o.host})
	if err != nil {
		return err
	}
	for _, place := range places {
		if err := place.take(pid); err != nil {
			return err
		}
	}
	return nil
}
