//go:build linux

package observe

import (
	"fmt"
	"os"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/pkg/plan"
	"github.com/nsjoin/docker-nsjoin/pkg/procfs"
)

// leaveContainer makes a helper that runs in its own container as much a process of the host as possible. The
// host's namespaces are taken from the process that started the helper, its container's shim, and the helper
// moves to the shim's cgroups. There it may use all devices, and processes that it leaves behind survive its end.
// The move goes on in the background: see Settle.
func (o *Observation) leaveContainer() error {
	host, err := OpenProcess(procfs.Starter())
	if err != nil {
		return fmt.Errorf("read the namespaces of the engine's host: %w", err)
	}
	o.Processes[host.PID] = host
	if err := host.OpenNamespaces(); err != nil {
		return fmt.Errorf("read the namespaces of the engine's host: %w", err)
	}
	o.host = host
	o.Facts.Host = host.Facts()
	groups, err := host.cgroupsToJoin(o.self, "", nil)
	if err != nil {
		return err
	}
	dirs, err := findCgroupDirs(groups, []*Process{host})
	if err != nil {
		return err
	}
	o.moving = &move{groups: groups, done: make(chan struct{})}
	go func() {
		defer close(o.moving.done)
		for _, dir := range dirs {
			// A rootless engine's user may not have write access to all groups.
			_ = dir.addProcess(o.self.PID)
		}
	}()
	return nil
}

// move is a move of this process to other cgroups. The kernel makes a process of several threads wait, often 5 to
// 20 ms, until no process of the system is within fork, exec or exit.
type move struct {
	groups []plan.Cgroup // that it moves to
	done   chan struct{}
}

// Settle waits until this process has moved to the cgroups of the engine's host, if it runs in a container. Call it
// before a child is forked, which inherits them, or a device is opened.
func (o *Observation) Settle() {
	if o.moving == nil {
		return
	}
	<-o.moving.done
	o.moving = nil
	o.self.groups = nil // read them again
}

// settleFor is like Settle if the first process of container id, or of none, is in a group that this process moves
// to or away from: then the groups that a command must join depend on the move.
func (o *Observation) settleFor(p *Process, id string) error {
	if o.moving == nil {
		return nil
	}
	theirs, err := p.readCgroups()
	if err != nil {
		return err
	}
	ours, err := o.self.readCgroups()
	if err != nil {
		return err
	}
	for _, g := range theirs {
		for _, path := range []string{g.Path, containerGroup(g.Path, id)} {
			g.Path = path
			if slices.Contains(o.moving.groups, g) || slices.Contains(ours, g) {
				o.Settle()
				return nil
			}
		}
	}
	return nil
}

// EnterHostCgroups moves the calling thread to the cgroups of the process that started this one, as far as they are
// of cgroup v1, where a thread may move by itself. The kernel does not make it wait, unlike a process of several
// threads. Called before execve(2), it moves the process: the other threads end. What fails is left to Observe.
func EnterHostCgroups() {
	host, err := OpenProcess(procfs.Starter())
	if err != nil {
		return
	}
	defer host.release()
	self, err := OpenProcess(os.Getpid())
	if err != nil {
		return
	}
	defer self.release()
	groups, err := host.cgroupsToJoin(self, "", nil)
	if err != nil {
		return
	}
	var ofV1 []plan.Cgroup
	for _, g := range groups {
		if g.Hierarchy != "" {
			ofV1 = append(ofV1, g)
		}
	}
	dirs, err := findCgroupDirs(ofV1, []*Process{host})
	if err != nil {
		return
	}
	for _, dir := range dirs {
		_ = dir.addThread()
	}
}

// addThread moves the calling thread into the group, which is of cgroup v1.
func (d cgroupDir) addThread() error {
	f, err := d.open("tasks", unix.O_WRONLY)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = f.WriteString("0")
	return err
}
