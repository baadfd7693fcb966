//go:build linux

package observe

import (
	"errors"
	"os"
	"path"

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
}

// Survey finds out who is in which namespaces.
func Survey(r *request.Survey) (*survey.Survey, error) {
	s := surveyor{groups: make(map[survey.Inodes]int)}
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
	pids, err := procfs.Numbers("/proc")
	if err != nil {
		return nil, err
	}
	for _, pid := range pids {
		if err := s.look(pid); errors.Is(err, unix.EACCES) {
			s.Unread++
		}
	}
	s.findContainers(r.Containers)
	s.readOrigins(r.Held)
	if r.Held {
		s.readHeld(pids)
	}
	return &s.Survey, nil
}

// group is the number of the group that has these namespaces.
func (s *surveyor) group(nodes survey.Inodes) int {
	i, ok := s.groups[nodes]
	if !ok {
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
	if err == nil {
		if process.Group = s.group(nodes); process.Group != 0 {
			var st procfs.Stat
			st, err = procfs.ReadStatIn(dir)
			process.Parent, process.Start = st.Parent, st.Start
		}
	}
	unix.Close(dir)
	if err != nil {
		return err
	}
	if process.Group != 0 {
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
	for i, c := range asked {
		first[i] = s.process(c.PID)
	}
	for _, p := range s.Processes {
		if s.process(p.Parent).Group == p.Group {
			continue
		}
		parent, err := lookInto(p.Parent)
		if err != nil {
			continue
		}
		dir, _ := parent.readlink("cwd")
		parent.dir.Close()
		for i, c := range asked {
			if c.ID == path.Base(dir) && c.PID == 0 && (first[i].PID == 0 || p.Start < first[i].Start) {
				first[i] = p
			}
		}
	}
	for i, c := range asked {
		found := survey.Container{ID: c.ID, First: first[i].PID, Group: first[i].Group}
		if s.prove(&found) == nil {
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
	shim, err := p.shim(c.ID)
	if err == nil {
		var nodes survey.Inodes
		if nodes, err = inodesOf(shim.PID); err == nil {
			c.Shim, c.Engine = shim.PID, s.group(nodes)
			c.Bundle, err = shim.readlink("cwd")
		}
		shim.release()
	}
	if err == nil {
		c.Cgroup, err = p.read("cgroup")
	}
	p.release()
	return err
}

// readOrigins reads where processes are from that have a namespace of a
// container's own, or of all, while their parent is elsewhere and no shim.
func (s *surveyor) readOrigins(all bool) {
	concerns := make([]bool, len(s.Groups))
	shims := make([]bool, len(s.Processes))
	for c := range s.Containers {
		c := &s.Containers[c]
		own := s.Own(c)
		for i := range s.Groups {
			if s.Groups[i].Namespaces.Shared(&s.Groups[c.Group].Namespaces)&own != 0 {
				concerns[i] = true
			}
		}
		for i, p := range s.Processes {
			shims[i] = shims[i] || p.Parent == c.Shim
		}
	}
	for i, p := range s.Processes {
		if (all || concerns[p.Group]) && !shims[i] && s.process(p.Parent).Group != p.Group {
			s.Processes[i].Origin = origin(p.PID)
		}
	}
}

// origin reads what tells where a process is from; nil for one that has ended.
func origin(pid int) *survey.Origin {
	p, err := lookInto(pid)
	if err != nil {
		return nil
	}
	var o survey.Origin
	if o.Status, err = p.read("status"); err == nil {
		if o.Cmdline, err = p.read("cmdline"); err == nil {
			o.Cgroup, err = p.read("cgroup")
		}
	}
	p.dir.Close()
	if err != nil {
		return nil
	}
	return &o
}
