//go:build linux

package observe

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/pkg/exit"
	"github.com/nsjoin/docker-nsjoin/pkg/inroot"
	"github.com/nsjoin/docker-nsjoin/pkg/ns"
	"github.com/nsjoin/docker-nsjoin/pkg/plan"
	"github.com/nsjoin/docker-nsjoin/pkg/programs"
	"github.com/nsjoin/docker-nsjoin/pkg/request"
)

// Observation is what was found, with the open files that keep it valid.
type Observation struct {
	Facts plan.Observed
	// Processes are the processes that namespaces are taken from, by number, without the helper itself.
	Processes map[int]*Process
	// Cgroups are open files of the groups in Facts.TargetProcess.Cgroups: a process that writes its pid there joins
	// the group. CgroupDir is the directory of the group of cgroup v2, or nil.
	Cgroups   []*os.File
	CgroupDir *os.File
	// Paths are the namespace files that the request names, by source.
	Paths map[string]*os.File
	// MountSource and MountTarget are open with O_PATH, and MountRoot is the root directory of the container's mounts,
	// if ObserveMount read the facts for a mount.
	MountSource, MountTarget, MountRoot *os.File

	// HostPrograms are the programs of the request's HostDir; nil without one.
	HostPrograms *programs.Set

	// beside says that this process is not the one that the caller waits for: the helper exchanges frames with a client, or
	// was asked for a plan.
	beside bool

	hostDir  *os.File   // of HostPrograms
	ownDirs  []*os.File // of HostPrograms, in an image
	freezers []*os.File // show whether the groups of Cgroups are frozen
	memory   *os.File   // counts the processes that the out-of-memory killer ended
	oomKills uint64     // its count before the command

	self *Process
	host *Process // has the host's namespaces: self, unless the helper runs in its own container
	// moving is nil unless this process is moving to the cgroups of host.
	moving *move
	// shims has the shim of each process that is a container's first process.
	shims map[*Process]*Process
	// roots has the root directories of mount namespaces: opening one takes a thread.
	roots map[*Process]*os.File
}

// Observe reads what the request needs. An error names the source that could not be read.
func Observe(r *request.Request) (*Observation, error) { return read(r, (*Observation).observe) }

// read reads facts by a method of Observation.
func read(r *request.Request, method func(*Observation, *request.Request) error) (*Observation, error) {
	o := &Observation{
		Processes: make(map[int]*Process),
		Paths:     make(map[string]*os.File),
		shims:     make(map[*Process]*Process),
		roots:     make(map[*Process]*os.File),
		beside:    r.Client != nil || r.DryRun == request.OutputJSON,
	}
	if err := method(o, r); err != nil {
		err = o.Explain(r, err)
		o.close()
		return nil, err
	}
	return o, nil
}

// close closes every open file.
func (o *Observation) close() {
	for _, p := range o.Processes {
		p.release()
	}
	for _, shim := range o.shims {
		shim.release()
	}
	for _, p := range []*Process{o.self, o.host} {
		if p != nil {
			p.release() // the second time does nothing
		}
	}
	for _, f := range slices.Concat(o.Cgroups, o.ownDirs, o.freezers, slices.Collect(maps.Values(o.Paths)), slices.Collect(maps.Values(o.roots)),
		[]*os.File{o.CgroupDir, o.memory, o.hostDir, o.MountSource, o.MountTarget, o.MountRoot}) {
		f.Close()
	}
}

// Explain adds a hint to an error if a process that namespaces are taken from has ended meanwhile, since that
// makes any step fail.
func (o *Observation) Explain(r *request.Request, err error) error {
	if err == nil || exit.Status(err) != exit.Failed {
		return err
	}
	for _, k := range ns.Kinds() {
		s := r.Source(k)
		if p, ok := o.Processes[s.PID]; ok && p.Alive() != nil {
			return exit.Hint(err, "%s has ended in the meantime", s.Quoted())
		}
	}
	return err
}

// openSelf opens the helper's own process, which is the host's until leaveContainer.
func (o *Observation) openSelf() error {
	var err error
	if o.self, err = OpenProcess(os.Getpid()); err != nil {
		return err
	}
	if err := o.self.OpenNamespaces(); err != nil {
		return err
	}
	o.Facts.Self, o.host = o.self.Facts(), o.self
	return nil
}

func (o *Observation) observe(r *request.Request) error {
	if err := o.openSelf(); err != nil {
		return err
	}
	if err := o.readSelf(); err != nil {
		return err
	}
	if r.IsRemote() {
		if err := o.leaveContainer(); err != nil {
			return err
		}
	}
	if err := o.readAudit(); err != nil {
		return err
	}
	base, err := o.process(r.Base)
	if err != nil {
		return err
	}
	o.Facts.Base = base.Facts()
	if err := o.readOverrides(r); err != nil {
		return err
	}
	pid, err := o.pidNamespace(r)
	if err != nil {
		return err
	}
	if err := o.readRelations(r, pid.file); err != nil {
		return err
	}
	root := r.Source(ns.Mnt)
	if root.From == request.FromPath {
		return o.readWatchers(r, o.host, pid) // the plan refuses mounts that are not the host's
	}
	p, err := o.process(root)
	if err != nil {
		return err
	}
	if err := o.readWatchers(r, p, pid); err != nil {
		return err
	}
	if err := o.readProcMounts(r, p, pid); err != nil {
		return err
	}
	if err := o.readPrograms(r); err != nil {
		return err
	}
	if err := o.readRoot(r, p); err != nil {
		return err
	}
	if err := o.askForNames(r, p); err != nil {
		return err
	}
	if plan.NeedsTargetProcess(o.host.Facts(), p.Facts()) {
		if err := o.readTarget(p, root, r.User); err != nil {
			return fmt.Errorf("read the identity of %s: %w", root.Quoted(), err)
		}
		return o.readForUserNamespace(r, pid)
	}
	return nil
}

// askForNames does what readNames does, with a limit.
func (o *Observation) askForNames(r *request.Request, p *Process) error {
	err := o.asked(func() error { return o.readNames(r, p) })
	if errors.Is(err, ErrSilent) {
		err = fmt.Errorf("read the files about names: %w", err)
	}
	return err
}

// readForUserNamespace reads facts that depend on the command's user namespace and its seccomp filter.
func (o *Observation) readForUserNamespace(r *request.Request, pid pidNamespace) error {
	if err := o.readUIDMap(r.Source(ns.User)); err != nil {
		return err
	}
	if len(o.Facts.Users) == 0 && pid.file != nil && plan.MayLoadFilterLast(o.Facts.TargetProcess) {
		err := o.findWatchers(r, pid)
		if errors.Is(err, errChurn) || errors.Is(err, errThreads) {
			return exit.Hint(err, "run it again, or use docker exec")
		}
		return err
	}
	return nil
}

// readSelf reads what the helper may use and pass on.
func (o *Observation) readSelf() error {
	var err error
	if o.Facts.CPUs, err = o.self.cpus(); err != nil {
		return err
	}
	st, err := o.self.readStatus()
	if err != nil {
		return err
	}
	caps, err := capabilities(st)
	if err != nil {
		return err
	}
	o.Facts.Capabilities = caps.Permitted & caps.Bounding
	return o.readOwnAttributes(st)
}

// readOverrides reads the sources of the kinds that are not taken from the base.
func (o *Observation) readOverrides(r *request.Request) error {
	o.Facts.Overrides = make(map[ns.Kind]plan.Process)
	o.Facts.Paths = make(map[ns.Kind]plan.PathNamespace)
	for _, k := range ns.Kinds() {
		source, ok := r.Overrides[k]
		switch {
		case !ok || source.From == request.FromNew:
		case source.From == request.FromPath:
			f, facts, err := o.openPath(string(source.Path))
			if err != nil {
				return fmt.Errorf("%s: %w", source, err)
			}
			o.Paths[source.String()] = f
			o.Facts.Paths[k] = facts
		default:
			p, err := o.process(source)
			if err != nil {
				return err
			}
			o.Facts.Overrides[k] = p.Facts()
		}
	}
	return nil
}

// process opens the process of a source, once. If the source is a container it proves that the process is the
// container's: another source may have named the same number.
func (o *Observation) process(s request.Source) (*Process, error) {
	if s.From == request.FromHost || s.From == request.FromNew {
		return o.host, nil
	}
	if p, held := o.Processes[s.PID]; held {
		return p, o.proveContainer(p, s)
	}
	p, err := OpenProcess(s.PID)
	if err != nil {
		return nil, explain(fmt.Errorf("find %s: %w", s.Quoted(), err), s)
	}
	if err = o.proveContainer(p, s); err == nil {
		if err = p.OpenNamespaces(); err != nil {
			err = explain(fmt.Errorf("find %s: %w", s.Quoted(), err), s)
		}
	}
	if err != nil {
		p.release()
		return nil, err
	}
	o.Processes[s.PID] = p
	return p, nil
}

// proveContainer proves that p is the first process of the container that a source names, if any, and keeps the
// shim open.
func (o *Observation) proveContainer(p *Process, s request.Source) error {
	if s.Container == nil || p.container == s.Container.ID {
		return nil
	}
	shim, err := p.shim(s.Container.ID, s.Container.CgroupParent)
	if err != nil {
		return explain(fmt.Errorf("verify that process %d is %s: %w", s.PID, s.Quoted(), err), s)
	}
	if before := o.shims[p]; before != nil {
		before.release()
	}
	p.container, o.shims[p] = s.Container.ID, shim
	return nil
}

// explain adds a hint to an error about a process.
func explain(err error, s request.Source) error {
	switch {
	case (errors.Is(err, unix.EACCES) || errors.Is(err, unix.EPERM)) && os.Geteuid() != 0:
		return exit.Hint(err, "joining needs root on the engine's host: sudo docker nsjoin …")
	case s.From == request.FromContainer && (errors.Is(err, unix.ESRCH) || errors.Is(err, unix.ENOENT) || errors.Is(err, errNotContainer)):
		return exit.Hint(err, "it may have stopped just now; if its engine is on another host, run docker nsjoin there")
	case errors.Is(err, unix.ESRCH):
		return exit.Hint(err, "ps -e lists the processes of this host")
	}
	return err
}

// OpenRoot opens the root directory of a command that takes its mount namespace from process pid. If pid is not in
// Processes, that is the host's.
func (o *Observation) OpenRoot(pid int) (*os.File, error) {
	if p, ok := o.Processes[pid]; ok {
		return o.openMountRoot(p)
	}
	return o.host.OpenRoot()
}

// openMountRoot opens the root directory of p's mount namespace. It is not p's own root after a chroot(2).
func (o *Observation) openMountRoot(p *Process) (*os.File, error) {
	mounts := p.Namespaces[ns.Mnt]
	switch {
	case mounts == nil: // a kernel without mount namespaces
		return p.OpenRoot()
	case p.IDs[ns.Mnt] == o.host.IDs[ns.Mnt]:
		return o.host.OpenRoot()
	}
	root := o.roots[p]
	if root == nil {
		var err error
		if root, err = inroot.OfNamespace(mounts); err != nil {
			return nil, err
		}
		o.roots[p] = root
	}
	fd, err := unix.FcntlInt(root.Fd(), unix.F_DUPFD_CLOEXEC, 3)
	if err != nil {
		return nil, fmt.Errorf("root of the mount namespace: %w", err)
	}
	return os.NewFile(uintptr(fd), root.Name()), nil
}
