//go:build linux

package observe

import (
	"errors"
	"os"
	"path"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/pkg/procfs"
	"github.com/nsjoin/docker-nsjoin/pkg/request"
	"github.com/nsjoin/docker-nsjoin/pkg/survey"
)

// surveyor scans /proc once. Processes in the host's own namespaces, which are most processes on many hosts, are
// only counted: that takes eight readlinks for each.
type surveyor struct {
	survey.Survey
	groups map[survey.Inodes]int // indexes in Groups
	ids    map[string]bool       // IDs of the requested containers
}

// Survey finds out which processes are in which namespaces.
func Survey(r *request.Survey) (*survey.Survey, error) {
	s, err := scan(r)
	if err != nil {
		return nil, err
	}
	s.readDetails(s.Reduce(r.Held))
	return &s.Survey, nil
}

// scan scans /proc. It keeps little data about each process.
func scan(r *request.Survey) (*surveyor, error) {
	s := &surveyor{groups: make(map[survey.Inodes]int)}
	var now, up unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_REALTIME, &now) // neither can fail
	_ = unix.ClockGettime(unix.CLOCK_BOOTTIME, &up)
	s.Boot = (now.Nano() - up.Nano()) / 1e6
	// The first group is that of the host's first process, or of this process if that cannot be read.
	nodes, err := inodesOf(1)
	if err != nil {
		if nodes, err = inodesOf(os.Getpid()); err != nil {
			return nil, err
		}
	}
	s.group(nodes)
	// Groups of known containers come first, so that another container with too many namespaces cannot displace them.
	for _, c := range r.Containers {
		if nodes, err := inodesOf(c.PID); c.PID != 0 && err == nil {
			s.group(nodes)
		}
	}
	if err := procfs.EachNumber("/proc", func(pid int) bool {
		if err := s.addProcess(pid); errors.Is(err, unix.EACCES) {
			s.Unread++
		}
		return true
	}); err != nil {
		return nil, err
	}
	s.findContainers(r.Containers)
	s.findGuests(r.Held)
	if r.Held {
		if err := s.readHolders(); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// group returns the index of the group with these namespaces; -1 if there are too many groups.
func (s *surveyor) group(nodes survey.Inodes) int {
	i, ok := s.groups[nodes]
	if !ok {
		if len(s.Groups) == survey.MaxGroups {
			return -1
		}
		i = len(s.Groups)
		s.groups[nodes] = i
		s.Groups = append(s.Groups, survey.Group{Namespaces: nodes})
	}
	return i
}

// addProcess adds a process to its group. A process that ends meanwhile is left out.
func (s *surveyor) addProcess(pid int) error {
	dir, err := openProcFD(pid)
	if err != nil {
		return err
	}
	process := survey.Process{PID: pid}
	nodes, err := inodes(dir)
	if errors.Is(err, unix.ENOENT) {
		nodes, err = inodesOfLivingThread(dir, pid)
	}
	if err == nil {
		if process.Group = s.group(nodes); process.Group > 0 {
			var st procfs.Stat
			st, err = procfs.ReadStatAt(dir)
			process.Parent, process.Start = st.Parent, st.Start
		}
	}
	unix.Close(dir)
	switch {
	case err != nil:
		return err
	case process.Group < 0:
		s.Omitted.Processes++
		return nil
	case process.Group > 0 && len(s.Processes) == survey.MaxProcesses:
		s.Omitted.Processes++
	case process.Group > 0:
		s.Processes = append(s.Processes, process)
	}
	s.Groups[process.Group].Count++
	return nil
}

// process returns the process with this pid if it is in another group than the host's. Otherwise it returns the
// zero Process, which is in the host's group.
func (s *surveyor) process(pid int) survey.Process {
	low, high := 0, len(s.Processes)
	for low < high {
		if middle := (low + high) / 2; s.Processes[middle].PID < pid {
			low = middle + 1
		} else {
			high = middle
		}
	}
	if low < len(s.Processes) && s.Processes[low].PID == pid {
		return s.Processes[low]
	}
	return survey.Process{}
}

// findContainers finds the first process of each container: the oldest child of the shim, whose working
// directory is the bundle. The command of an exec is a child of the shim too.
func (s *surveyor) findContainers(asked []request.Claim) {
	first := make([]survey.Process, len(asked))
	sought := make(map[string]int) // index in asked of those without a pid, by ID
	s.ids = make(map[string]bool, len(asked))
	for i, c := range asked {
		s.ids[c.ID] = true
		if first[i] = s.process(c.PID); c.PID == 0 {
			sought[c.ID] = i
		}
	}
	bundles := make(map[int]string) // name of the working directory, by pid of the parent
	for _, p := range s.Processes {
		if s.process(p.Parent).Group == p.Group {
			continue
		}
		bundle, known := bundles[p.Parent]
		if !known {
			if parent, err := openProcDir(p.Parent); err == nil {
				dir, _ := parent.readlink("cwd")
				parent.dir.Close()
				bundle = path.Base(dir)
			}
			bundles[p.Parent] = bundle
		}
		if i, ok := sought[bundle]; ok && (first[i].PID == 0 || p.Start < first[i].Start) {
			first[i] = p
		}
	}
	for i, c := range asked {
		found := survey.Container{ID: c.ID, First: first[i].PID, Group: first[i].Group}
		if found.First != 0 && s.prove(&found) == nil {
			s.Containers = append(s.Containers, found)
		}
	}
}

// prove proves, as for a join, that a process is the container's first process.
func (s *surveyor) prove(c *survey.Container) error {
	p, err := OpenProcess(c.First)
	if err != nil {
		return err
	}
	defer p.release()
	shim, err := p.shim(c.ID, "")
	if err != nil {
		return err
	}
	defer shim.release()
	nodes, err := inodesOf(shim.PID)
	if err != nil {
		return err
	}
	if c.Shim, c.Engine = shim.PID, s.group(nodes); c.Engine < 0 {
		return errTooMany
	}
	if c.Bundle, err = shim.readlink("cwd"); err != nil {
		return err
	}
	c.Cgroup, err = p.cgroupContainer(s.ids)
	if c.Cgroup != c.ID {
		c.Cgroup = ""
	}
	return err
}

var errTooMany = errors.New("too many groups of namespaces")

// cgroupContainer returns the first ID in the paths of p's cgroups that is one of ids; "" without one. What is below the
// group that it names can have any name.
func (p *Process) cgroupContainer(ids map[string]bool) (id string, err error) {
	digit := func(c rune) bool { return c >= '0' && c <= '9' || c >= 'a' && c <= 'f' }
	err = p.readLines("cgroup", func(line string) bool {
		for word := range strings.FieldsFuncSeq(line, func(c rune) bool { return !digit(c) }) {
			if ids[word] {
				id = word
				return false
			}
		}
		return true
	})
	return id, err
}

// findGuests finds the processes that may be guests: they are in a container's own namespace, or with all set in
// any namespace that is not the host's, and their parent is in another group and not a shim. It reads which
// container their cgroups name.
func (s *surveyor) findGuests(all bool) {
	own := make(map[uint64]bool) // inodes of the containers' own namespaces
	shims := make(map[int]bool)
	for i := range s.Containers {
		c := &s.Containers[i]
		for _, k := range s.Own(c).Kinds() {
			own[s.Groups[c.Group].Namespaces[k]] = true
		}
		shims[c.Shim] = true
	}
	relevant := make([]bool, len(s.Groups))
	for i := range s.Groups {
		relevant[i] = all || slices.ContainsFunc(s.Groups[i].Namespaces[:], func(inode uint64) bool { return own[inode] })
	}
	for i, p := range s.Processes {
		if !relevant[p.Group] || shims[p.Parent] || s.process(p.Parent).Group == p.Group {
			continue
		}
		dir, err := openProcDir(p.PID)
		if err != nil {
			continue
		}
		if cgroup, err := dir.cgroupContainer(s.ids); err == nil {
			s.Processes[i].Origin = &survey.Origin{Cgroup: cgroup}
		}
		dir.dir.Close()
	}
}
