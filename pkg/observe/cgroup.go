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

	"github.com/nsjoin/docker-nsjoin/pkg/exit"
	"github.com/nsjoin/docker-nsjoin/pkg/plan"
	"github.com/nsjoin/docker-nsjoin/pkg/procfs"
	"github.com/nsjoin/docker-nsjoin/pkg/survey"
)

// parseCgroups parses /proc/PID/cgroup, cgroups(7). A line is ID:CONTROLLERS:PATH.
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

// cgroupsToJoin returns the groups that a command must join: those of p that self is not in. p is the first process
// of container id, or of none.
//
// The process may have moved to a group below the container's own one. docker exec stays in the container's
// own. Only if cgroup v2 allows no processes there, runc's setnsProcess.start uses the group of the process.
func (p *Process) cgroupsToJoin(self *Process, id string, mountsOf []*Process) ([]plan.Cgroup, error) {
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
		if path := containerGroup(g.Path, id); path != g.Path {
			container := plan.Cgroup{Hierarchy: g.Hierarchy, Path: path}
			if g.Hierarchy != "" || allowsProcesses(container, mountsOf) {
				g = container
			}
		}
		if own[g] {
			continue
		}
		if !strings.HasPrefix(g.Path, "/") || outsideNamespace(g.Path) {
			return nil, exit.Hint(fmt.Errorf("cgroup %s is outside the caller's cgroup namespace", g),
				"run docker nsjoin outside of any container, on the engine's host")
		}
		foreign = append(foreign, g)
	}
	return foreign, nil
}

// containerGroup returns the group that the runtime made for container id: path up to the first component that is
// named by the ID. The container made what is below. Without such a component it is path.
func containerGroup(path, id string) string {
	end := 0
	for part := range strings.SplitAfterSeq(path, "/") {
		end += len(part)
		if id != "" && slices.Contains(containersInPath(strings.TrimSuffix(part, "/")), id) {
			return strings.TrimSuffix(path[:end], "/")
		}
	}
	return path
}

// allowsProcesses reports whether cgroup v2 allows processes in a group that has non-empty groups below it:
// cgroup_migrate_vet_dst of the kernel's kernel/cgroup/cgroup.c.
func allowsProcesses(g plan.Cgroup, mountsOf []*Process) bool {
	dirs, err := findCgroupDirs([]plan.Cgroup{g}, mountsOf)
	if err != nil {
		return false
	}
	switch dirs[0].readLine("cgroup.type") {
	case "domain threaded", "threaded":
		return true
	case "domain":
		return dirs[0].readLine("cgroup.subtree_control") == ""
	}
	return false
}

// readLine reads a short file of the group, without the newline. It is "?" if the file cannot be read.
func (d cgroupDir) readLine(name string) string {
	f, err := d.open(name, unix.O_RDONLY)
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

// outsideNamespace reports whether a group is outside of the cgroup namespace: then its path begins with /..,
// cgroup_namespaces(7).
func outsideNamespace(path string) bool { return path == "/.." || strings.HasPrefix(path, "/../") }

// cgroupMount is a mount of a hierarchy.
type cgroupMount struct {
	options []string // its controllers, or "name=systemd"; empty for v2
	root    string   // the group that is mounted
	point   string   // where
}

// cgroupMountsHave is in the lines of mountinfo about hierarchies.
const cgroupMountsHave = " - cgroup"

// parseCgroupMount parses a line of mountinfo, proc_pid_mountinfo(5). It returns false if the line is not that
// of a hierarchy.
func parseCgroupMount(line string) (cgroupMount, bool) {
	before, after, ok := strings.Cut(line, cgroupMountsHave)
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

// isOf reports whether the mount is one of the hierarchy of group g.
func (m cgroupMount) isOf(g plan.Cgroup) bool {
	if g.Hierarchy == "" {
		return m.options == nil
	}
	for controller := range strings.SplitSeq(g.Hierarchy, ",") {
		if !slices.Contains(m.options, controller) {
			return false
		}
	}
	return true
}

// dirOf returns the directory of group g in the mount, and false if the mount does not show g.
func (m cgroupMount) dirOf(g plan.Cgroup) (string, bool) {
	if !m.isOf(g) || outsideNamespace(m.root) {
		return "", false
	}
	rel, below := strings.CutPrefix(path.Clean(g.Path), strings.TrimSuffix(path.Clean(m.root), "/"))
	if !below || rel != "" && rel[0] != '/' {
		return "", false
	}
	return path.Join(m.point, rel), true
}

// openCgroups opens the file of each group to write a pid to: tasks of v1, where a single thread can join, and
// cgroup.procs of v2. Each group is looked for in the mounts of the given processes, in their order. It returns the groups
// that were opened.
//
// A hierarchy without controllers that none of them has mounted is left out. A container with CAP_SYS_ADMIN can make one
// and move its first process there; it limits nothing, and the runtime does not know it.
func (o *Observation) openCgroups(all []plan.Cgroup, mountsOf []*Process) (groups []plan.Cgroup, err error) {
	dirs, err := findCgroupDirs(all, mountsOf)
	if err != nil {
		return nil, err
	}
	for i, g := range all {
		if dirs[i].mountsOf == nil && !dirs[i].elsewhere && strings.HasPrefix(g.Hierarchy, "name=") {
			continue
		}
		name := "tasks"
		if g.Hierarchy == "" {
			name = "cgroup.procs"
			if o.CgroupDir, err = dirs[i].open("", unix.O_PATH|unix.O_DIRECTORY); err != nil {
				return nil, fmt.Errorf("cgroup %s: %w", g, err)
			}
		}
		f, err := dirs[i].open(name, unix.O_WRONLY)
		if err != nil {
			return nil, fmt.Errorf("cgroup %s: %w", g, err)
		}
		o.Cgroups = append(o.Cgroups, f)
		if f := openFreezer(dirs[i], g); f != nil {
			o.freezers = append(o.freezers, f)
			g.Frozen = isFrozen(f)
		}
		if o.memory == nil {
			o.memory = openMemory(dirs[i], g)
		}
		groups = append(groups, g)
	}
	o.oomKills, err = oomKills(o.memory)
	return groups, err
}

// cgroupDir is the directory of a group.
type cgroupDir struct {
	mountsOf  *Process // nil if no process has the hierarchy mounted where it shows the group
	path      string   // in the root directory of mountsOf
	elsewhere bool     // the hierarchy is mounted where it does not show the group
}

// findCgroupDirs finds the directory of each group. It stops reading mountinfo early: each container adds
// several mounts, and the hierarchies are among the first.
func findCgroupDirs(groups []plan.Cgroup, mountsOf []*Process) ([]cgroupDir, error) {
	dirs := make([]cgroupDir, len(groups))
	missing := len(groups)
	for _, p := range mountsOf {
		if missing == 0 {
			break
		}
		err := procfs.ReadLinesWith(p.dir, "mountinfo", cgroupMountsHave, func(line string) bool {
			m, ok := parseCgroupMount(line)
			for i, g := range groups {
				if !ok || dirs[i].mountsOf != nil || !m.isOf(g) {
					continue
				}
				if path, ok := m.dirOf(g); ok {
					dirs[i] = cgroupDir{mountsOf: p, path: path}
					missing--
				} else {
					dirs[i].elsewhere = true
				}
			}
			return missing > 0
		})
		if err != nil {
			return nil, err
		}
	}
	return dirs, nil
}

// open opens a file of the group.
func (d cgroupDir) open(name string, flags int) (*os.File, error) {
	switch {
	case d.mountsOf != nil:
	case d.elsewhere:
		return nil, errors.New("its hierarchy is mounted, but does not show it")
	default:
		return nil, errors.New("its hierarchy is not mounted")
	}
	return d.mountsOf.open("root"+path.Join(d.path, name), flags)
}

// addProcess moves a process into the group.
func (d cgroupDir) addProcess(pid int) error {
	f, err := d.open("cgroup.procs", unix.O_WRONLY)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = f.WriteString(strconv.Itoa(pid))
	return err
}

// MoveToOwnFreezer moves a process into the helper's own group of the freezer of cgroup v1. A process that was
// frozen in another group then continues.
func (o *Observation) MoveToOwnFreezer(pid int) error {
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
	dirs, err := findCgroupDirs(freezer, []*Process{o.host})
	if err != nil {
		return err
	}
	for _, dir := range dirs {
		if err := dir.addProcess(pid); err != nil {
			return err
		}
	}
	return nil
}
