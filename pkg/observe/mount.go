//go:build linux

package observe

import (
	"errors"
	"fmt"
	"os"
	"path"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/pkg/exit"
	"github.com/nsjoin/docker-nsjoin/pkg/inroot"
	"github.com/nsjoin/docker-nsjoin/pkg/ns"
	"github.com/nsjoin/docker-nsjoin/pkg/plan"
	"github.com/nsjoin/docker-nsjoin/pkg/procfs"
	"github.com/nsjoin/docker-nsjoin/pkg/request"
)

// answerTimeout is how long the file systems of a mount's source and target may take to look up their paths.
const answerTimeout = 10 * time.Second

// MaxMounts limits the mounts of a namespace that are read. The kernel's own limit, /proc/sys/fs/mount-max, is 100,000.
const MaxMounts = 200_000

// ForMount opens the container of a mount, and the root directory of its mounts.
func ForMount(r *request.Request) (*Observation, error) {
	return read(r, (*Observation).observeContainer)
}

func (o *Observation) observeContainer(r *request.Request) error {
	if err := o.openSelf(); err != nil {
		return err
	}
	if r.Call != "" {
		if err := o.leaveContainer(); err != nil {
			return err
		}
	}
	if err := o.readAudit(); err != nil {
		return err
	}
	p, err := o.process(r.Base)
	if err != nil {
		return err
	}
	o.Facts.Base = p.Facts()
	o.MountRoot, err = o.openMounts(p)
	return err
}

// Container returns the process of r's base.
func (o *Observation) Container(r *request.Request) (*Process, error) { return o.process(r.Base) }

// ObserveMount reads the facts for the mount that r asks for.
func (o *Observation) ObserveMount(r *request.Request) error {
	p, err := o.process(r.Base)
	if err != nil {
		return err
	}
	f := &plan.MountFacts{}
	o.Facts.Mount = f
	if err := o.readMountIDs(p, f); err != nil {
		return fmt.Errorf("read the IDs of %s: %w", r.Base.Quoted(), err)
	}
	switch {
	case r.Mount.Type == request.MountVolume && r.Mount.From == nil: // only a plan is wanted, for a volume that is not there
		f.Source = &plan.MountPoint{Dir: true, Empty: true}
	case r.Mount.Type != request.MountTmpfs:
		if err := o.readMountSource(r); err != nil {
			return err
		}
	}
	if o.MountTarget, f.Target, err = openTarget(o.MountRoot, string(r.Mount.Target)); err != nil {
		return fmt.Errorf("%s in %s: %w", r.Mount.Target, r.Base.Quoted(), err)
	}
	if _, err := p.describeMount(o.MountTarget, o.MountRoot, &f.Target); err != nil {
		return fmt.Errorf("%s in %s: %w", r.Mount.Target, r.Base.Quoted(), err)
	}
	if r.Mount.Type != request.MountVolume || r.Mount.NoCopy {
		return nil
	}
	if f.Target.Empty, err = isEmpty(o.MountTarget, f.Target.Dir); err == nil && o.MountSource != nil {
		f.Source.Empty, err = isEmpty(o.MountSource, f.Source.Dir)
	}
	if err != nil {
		return fmt.Errorf("find whether %s or the volume is empty: %w", f.Target.Path, err)
	}
	return nil
}

// readMountIDs reads the IDs of p's user namespace, and whether a process there may have CAP_SYS_ADMIN.
func (o *Observation) readMountIDs(p *Process, f *plan.MountFacts) (err error) {
	if f.UIDs, err = o.readIDMap(p, "uid_map"); err != nil {
		return err
	}
	if f.GIDs, err = o.readIDMap(p, "gid_map"); err != nil {
		return err
	}
	f.Mapped = p.IDs[ns.User] != o.Facts.Self.Namespaces[ns.User]
	status, err := procfs.ReadStatus(p.dir)
	if err != nil {
		return err
	}
	f.Admin = mayBeAdmin(status)
	if shim := o.shims[p]; shim != nil && f.Mapped && !f.Admin {
		f.Admin, err = p.othersMayBeAdmin(shim)
	}
	return err
}

// othersMayBeAdmin reports whether other processes may have CAP_SYS_ADMIN in p's user namespace, if p, the first
// process of shim's container, lacks it: the container is configured with it, or p has made the user namespace, in which
// its children had all capabilities.
func (p *Process) othersMayBeAdmin(shim *Process) (bool, error) {
	b, err := shim.readBundle()
	if err != nil {
		return false, err
	}
	user, err := p.configuredUser(shim, b)
	if err != nil || user != p.IDs[ns.User] {
		return true, err
	}
	spec, err := b.spec()
	return (spec.Capabilities.Bounding|spec.Capabilities.Permitted)&plan.CapSysAdmin != 0, err
}

// RootIDs returns the IDs, in the helper's user namespace, of the root of the user namespace of r's base.
func (o *Observation) RootIDs(r *request.Request) (owner [2]uint32, err error) {
	p, err := o.process(r.Base)
	if err != nil {
		return owner, err
	}
	var f plan.MountFacts
	if err := o.readMountIDs(p, &f); err != nil {
		return owner, err
	}
	return f.RootIDs()
}

// mayBeAdmin reports whether a process, or a program that it executes, may have CAP_SYS_ADMIN.
func mayBeAdmin(status procfs.Status) bool {
	bounding, err := status.Number("CapBnd", 16) //nolint:mnd // hexadecimal
	return err != nil || bounding&(1<<unix.CAP_SYS_ADMIN) != 0
}

// ErrSilent is the error of a file system that does not answer in time.
var ErrSilent = errors.New("the file system does not answer")

// Answered calls do, but waits no longer than answerTimeout. Otherwise the error is ErrSilent, and a thread stays behind:
// the caller must not use what do changes. It is not generic, which would make the helper larger.
func Answered(do func() error) error { return within(answerTimeout, do) }

// asked calls do, which asks file systems of a container: as Answered does, if the process that the caller waits for is
// another one. That one can end while a thread of this process is left behind, and this process may not. In the caller's
// process do is called as it is, which takes no other thread: the caller knows that the file systems answer.
func (o *Observation) asked(do func() error) error {
	if !o.beside {
		return do()
	}
	err := Answered(do)
	if errors.Is(err, ErrSilent) {
		err = exit.Hint(err, "--except mnt runs the host's own programs, which need none of the container's file systems")
	}
	return err
}

func within(limit time.Duration, do func() error) error {
	done := make(chan error, 2)
	go func() { done <- do() }()
	late := time.AfterFunc(limit, func() { done <- ErrSilent })
	defer late.Stop()
	return <-done
}

// opened calls open as Answered does.
func opened(open func() (*os.File, error)) (*os.File, error) {
	files := make(chan *os.File, 1)
	err := Answered(func() error {
		f, err := open()
		files <- f
		return err
	})
	if err != nil {
		return nil, err
	}
	return <-files, nil
}

// openTarget opens the target or, if it does not exist, the directory on the way to it that does.
func openTarget(root *os.File, target string) (*os.File, plan.MountPoint, error) {
	var point plan.MountPoint
	for at := target; ; at = path.Dir(at) {
		f, err := opened(func() (*os.File, error) { return inroot.OpenPath(root, at) })
		if err == nil {
			return f, point, nil
		}
		if !errors.Is(err, unix.ENOENT) || at == "/" {
			return nil, point, err
		}
		point.Missing = slices.Insert(point.Missing, 0, path.Base(at))
	}
}

// Mounts returns the mountinfo of p, or after openMounts that of its mount namespace. It is an error if p has ended.
func (p *Process) Mounts() ([]procfs.Mount, error) {
	if p.mountinfo == nil {
		return procfs.ReadMounts(p.dir, MaxMounts)
	}
	list, err := procfs.ReadMountsAgain(p.mountinfo, MaxMounts)
	if err != nil {
		return nil, err
	}
	if st, err := procfs.ReadStatAt(int(p.dir.Fd())); err != nil || st.Dead() {
		return nil, fmt.Errorf("read the mounts of process %d: %w", p.PID, unix.ESRCH)
	}
	return list, nil
}

// openMounts has Mounts return all mounts of the mount namespace of a container's process p, and returns the root directory
// there. The mountinfo of p lacks those outside of its root directory, which it may change for a while by chroot(2).
func (o *Observation) openMounts(p *Process) (root *os.File, err error) {
	mounts := p.Namespaces[ns.Mnt]
	if mounts != nil && p.mountinfo == nil && p.IDs[ns.Mnt] != o.host.IDs[ns.Mnt] {
		if p.mountinfo, err = inroot.MountsOfNamespace(mounts); err != nil {
			return nil, err
		}
	}
	return o.openMountRoot(p)
}

// Start returns field 22 of the stat of p, proc_pid_stat(5).
func (p *Process) Start() (uint64, error) {
	st, err := procfs.ReadStatAt(int(p.dir.Fd()))
	return st.Start, err
}

// isEmpty reports whether a directory is empty.
func isEmpty(at *os.File, dir bool) (bool, error) {
	if !dir {
		return false, nil
	}
	empty := false
	err := Answered(func() (err error) {
		empty, err = hasNoEntries(at)
		return err
	})
	return err == nil && empty, err
}

func hasNoEntries(at *os.File) (bool, error) {
	f, err := inroot.Reopen(at, unix.O_RDONLY|unix.O_DIRECTORY)
	if err != nil {
		return false, err
	}
	defer f.Close()
	buf := make([]byte, 1<<10)
	for {
		n, err := unix.ReadDirent(int(f.Fd()), buf)
		if err != nil || n <= 0 {
			return err == nil, err
		}
		if _, _, names := unix.ParseDirent(buf[:n], 1, nil); len(names) > 0 { // without . and ..
			return false, nil
		}
	}
}
