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
	"time"

	"golang.org/x/sys/unix"

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
	o.MountRoot, err = o.openMountRoot(p)
	return err
}

// Container returns the process of r's base.
func (o *Observation) Container(r *request.Request) (*Process, error) { return o.process(r.Base) }

// HostRoot opens the root directory of the engine's host.
func (o *Observation) HostRoot() (*os.File, error) { return o.host.OpenRoot() }

// ObserveMount reads the facts for the mount that r asks for.
func (o *Observation) ObserveMount(r *request.Request) error {
	p, err := o.process(r.Base)
	if err != nil {
		return err
	}
	f := &plan.MountFacts{}
	o.Facts.Mount = f
	if f.UID, f.GID, err = p.RootIDs(); err != nil {
		return fmt.Errorf("read the IDs of %s: %w", r.Base.Quoted(), err)
	}
	f.Mapped = p.IDs[ns.User] != o.Facts.Self.Namespaces[ns.User]
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

var errSilent = errors.New("the file system does not answer")

// answered calls open, but waits no longer than answerTimeout. Otherwise a thread stays behind.
func answered(open func() (*os.File, error)) (*os.File, error) {
	type result struct {
		file *os.File
		err  error
	}
	opened := make(chan result, 2)
	go func() {
		f, err := open()
		opened <- result{f, err}
	}()
	late := time.AfterFunc(answerTimeout, func() { opened <- result{err: errSilent} })
	defer late.Stop()
	r := <-opened
	return r.file, r.err
}

// openTarget opens the target or, if it does not exist, the directory on the way to it that does.
func openTarget(root *os.File, target string) (*os.File, plan.MountPoint, error) {
	var point plan.MountPoint
	for at := target; ; at = path.Dir(at) {
		f, err := answered(func() (*os.File, error) { return inroot.OpenPath(root, at) })
		if err == nil {
			return f, point, nil
		}
		if !errors.Is(err, unix.ENOENT) || at == "/" {
			return nil, point, err
		}
		point.Missing = slices.Insert(point.Missing, 0, path.Base(at))
	}
}

// Mounts returns the mountinfo of p.
func (p *Process) Mounts() ([]procfs.Mount, error) { return procfs.ReadMounts(p.dir, MaxMounts) }

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

// RootIDs returns the IDs, in the helper's user namespace, of the root of p's.
func (p *Process) RootIDs() (uid, gid uint32, err error) {
	for name, to := range map[string]*uint32{"uid_map": &uid, "gid_map": &gid} {
		text, err := p.read(name)
		if err != nil {
			return 0, 0, err
		}
		found := false
		for line := range strings.Lines(text) {
			fields := strings.Fields(line)
			if len(fields) != 3 || fields[0] != "0" { //nolint:mnd // inside, outside, count
				continue
			}
			outside, err := strconv.ParseUint(fields[1], 10, 32)
			if err != nil {
				return 0, 0, fmt.Errorf("%s: %w", name, err)
			}
			*to, found = uint32(outside), true
		}
		if !found {
			return 0, 0, fmt.Errorf("%s: root of the user namespace is not mapped", name)
		}
	}
	return uid, gid, nil
}
