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

// surveyor makes one pass over /proc. Processes of the host's own namespaces,
// most of them on many hosts, are only counted: eight readlinks and no more.
type surveyor struct {
	survey.Survey
	groups map[survey.Inodes]int // their numbers
	ids    map[string]bool       // of the containers that are asked for
}

// Survey finds out who is in which namespaces.
func Survey(r *request.Survey) (*survey.Survey, error) {
	s, err := pass(r)
	if err != nil {
		return nil, err
	}
	s.readOrigins(s.Reduce(r.Held))
	return &s.Survey, nil
}

// pass makes the pass over /proc. What it keeps of each process is small.
func pass(r *request.Survey) (*surveyor, error) {
	s := &surveyor{groups: make(map[survey.Inodes]int)}
	var now, up unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_REALTIME, &now) // neither can fail
	_ = unix.ClockGettime(unix.CLOCK_BOOTTIME, &up)
	s.Boot = (now.Nano() - up.Nano()) / 1e6
	// Of the host's first process, or of this one where that can't be looked into.
	nodes, err := inodesOf(1)
	if err != nil {
		if nodes, err = inodesOf(os.Getpid()); err != nil {
			return nil, err
		}
	}
	s.group(nodes)
	// Too many namespaces of one container can't hide another that the engine told of.
	for _, c := range r.Containers {
		if nodes, err := inodesOf(c.PID); c.PID != 0 && err == nil {
			s.group(nodes)
		}
	}
	if err := procfs.EachNumber("/proc", func(pid int) bool {
		if err := s.look(pid); errors.Is(err, unix.EACCES) {
			s.Unread++
		}
		return true
	}); err != nil {
		return nil, err
	}
	s.findContainers(r.Containers)
	s.findOrigins(r.Held)
	if r.Held {
		if err := s.readHeld(); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// group is the number of the group that has these namespaces; -1 where there are too many.
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

// look puts a process into its group. One that ends meanwhile is left out.
func (s *surveyor) look(pid int) error {
	dir, err := lookAt(pid)
	if err != nil {
		return err
	}
	process := survey.Process{PID: pid}
	nodes, err := inodes(dir)
	if errors.Is(err, unix.ENOENT) {
		nodes, err = inodesOfLiving(dir, pid)
	}
	if err == nil {
		if process.Group = s.group(nodes); process.Group > 0 {
			var st procfs.Stat
			st, err = procfs.ReadStatIn(dir)
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

// process is a process of another group than the host's, which is nobody's.
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

// findContainers finds the first process of each: the oldest child of its shim,
// which is in the bundle. An exec's command is a child too.
func (s *surveyor) findContainers(asked []request.Claim) {
	first := make([]survey.Process, len(asked))
	sought := make(map[string]int) // by ID, the number of one whose process is to be found
	s.ids = make(map[string]bool, len(asked))
	for i, c := range asked {
		s.ids[c.ID] = true
		if first[i] = s.process(c.PID); c.PID == 0 {
			sought[c.ID] = i
		}
	}
	bundles := make(map[int]string) // the names of parents' directories
	for _, p := range s.Processes {
		if s.process(p.Parent).Group == p.Group {
			continue
		}
		bundle, known := bundles[p.Parent]
		if !known {
			if parent, err := lookInto(p.Parent); err == nil {
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

// prove proves, as for a join, that a process is the container's first one.
func (s *surveyor) prove(c *survey.Container) error {
	p, err := Hold(c.First)
	if err != nil {
		return err
	}
	defer p.release()
	shim, err := p.shim(c.ID)
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
	c.Cgroup, err = p.containerOf(s.ids)
	if c.Cgroup != c.ID {
		c.Cgroup = ""
	}
	return err
}

var errTooMany = errors.New("too many namespaces")

// containerOf is the ID, of those given, that the cgroups of p name last; "" for none.
func (p *Process) containerOf(ids map[string]bool) (id string, err error) {
	digit := func(c rune) bool { return c >= '0' && c <= '9' || c >= 'a' && c <= 'f' }
	err = p.readLines("cgroup", func(line string) bool {
		for word := range strings.FieldsFuncSeq(line, func(c rune) bool { return !digit(c) }) {
			if ids[word] {
				id = word
			}
		}
		return true
	})
	return id, err
}

// findOrigins finds the processes that have a namespace of a container's own, or all of
// those that aren't the host's, while their parent is elsewhere and no shim, and the
// container that they are of.
func (s *surveyor) findOrigins(all bool) {
	own := make(map[uint64]bool) // inodes
	shims := make(map[int]bool)
	for i := range s.Containers {
		c := &s.Containers[i]
		for _, k := range s.Own(c).Kinds() {
			own[s.Groups[c.Group].Namespaces[k]] = true
		}
		shims[c.Shim] = true
	}
	concerns := make([]bool, len(s.Groups))
	for i := range s.Groups {
		concerns[i] = all || slices.ContainsFunc(s.Groups[i].Namespaces[:], func(inode uint64) bool { return own[inode] })
	}
	for i, p := range s.Processes {
		if !concerns[p.Group] || shims[p.Parent] || s.process(p.Parent).Group == p.Group {
			continue
		}
		dir, err := lookInto(p.PID)
		if err != nil {
			continue
		}
		if cgroup, err := dir.containerOf(s.ids); err == nil {
			s.Processes[i].Origin = &survey.Origin{Cgroup: cgroup}
		}
		dir.dir.Close()
	}
}
