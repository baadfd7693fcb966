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
	if r.Mount.Type != request.MountTmpfs {
		if err := o.readMountSource(r, p); err != nil {
			return err
		}
	}
	if o.MountTarget, f.Target, err = openTarget(o.MountRoot, string(r.Mount.Target)); err != nil {
		return fmt.Errorf("%s in %s: %w", r.Mount.Target, r.Base.Quoted(), err)
	}
	if err := p.describeMount(o.MountTarget, o.MountRoot, &f.Target); err != nil {
		return fmt.Errorf("%s in %s: %w", r.Mount.Target, r.Base.Quoted(), err)
	}
	if r.Mount.Type == request.MountVolume && !r.Mount.NoCopy {
		for at, point := range map[*os.File]*plan.MountPoint{o.MountSource: f.Source, o.MountTarget: &f.Target} {
			if point.Empty, err = isEmpty(at, point.Dir); err != nil {
				return fmt.Errorf("read the directory %s: %w", point.Path, err)
			}
		}
	}
	return nil
}

// readMountSource opens the source: in another container by its links, on the host without links. A container could
// make a link of a path on the host that it can write to.
func (o *Observation) readMountSource(r *request.Request, p *Process) error {
	q := r.Mount
	from, what, where := o.host, string(q.Source), ""
	var err error
	switch {
	case q.From != nil:
		where = " of " + q.From.Quoted()
		if from, err = o.process(*q.From); err != nil {
			return err
		}
	case q.Type == request.MountVolume && o.host == o.self && o.shims[p] != nil:
		// The engine's word is about its own mounts.
		if from, err = o.shimMounts(p); err != nil {
			return err
		}
	}
	root, err := o.openMountRoot(from)
	if err != nil {
		return err
	}
	defer root.Close()
	f := o.Facts.Mount
	f.Process, f.Source = from.Facts(), &plan.MountPoint{}
	open := inroot.OpenWithoutLinks
	if q.From != nil {
		open = inroot.OpenPath
	}
	o.MountSource, err = answered(func() (*os.File, error) { return open(root, what) })
	if err == nil {
		err = from.describeMount(o.MountSource, root, f.Source)
	}
	if errors.Is(err, unix.ELOOP) && q.From == nil {
		return linkError(root, what)
	}
	if err != nil {
		return fmt.Errorf("%s%s: %w", what, where, err)
	}
	return nil
}

// shimMounts returns the shim of p if it has its own mounts, else the host.
func (o *Observation) shimMounts(p *Process) (*Process, error) {
	shim := o.shims[p]
	if shim.Namespaces == nil {
		if err := shim.OpenNamespaces(); err != nil {
			return nil, err
		}
	}
	if shim.IDs[ns.Mnt] == o.host.IDs[ns.Mnt] {
		return o.host, nil
	}
	o.Processes[shim.PID] = shim
	return shim, nil
}

// linkError says where a path with symbolic links leads to, for the user to decide.
func linkError(root *os.File, typed string) error {
	err := fmt.Errorf("%s leads through a symbolic link, which a container with a mount there could change", typed)
	f, failed := answered(func() (*os.File, error) { return inroot.OpenPath(root, typed) })
	if failed != nil {
		return err
	}
	defer f.Close()
	leads, failed := pathOf(f)
	if failed != nil {
		return err
	}
	return exit.Hint(err, "name what it leads to: %s", plan.QuoteArg(leads))
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

// describeMount reads what f is, an O_PATH descriptor in the mounts of p, whose root directory is root.
func (p *Process) describeMount(f, root *os.File, point *plan.MountPoint) error {
	st, err := statMount(f)
	if err != nil {
		return err
	}
	top, err := statMount(root)
	if err != nil {
		return err
	}
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFLNK:
		return unix.ELOOP
	case unix.S_IFDIR:
		point.Dir = true
	}
	point.UID, point.Mount = st.Uid, int(st.Mnt_id)
	point.Root = st.Mnt_id == top.Mnt_id && st.Ino == top.Ino && st.Dev_major == top.Dev_major && st.Dev_minor == top.Dev_minor
	if point.Path, err = pathOf(f); err != nil {
		return err
	}
	list, err := p.Mounts()
	if err != nil {
		return err
	}
	m, err := mountIn(list, point.Mount)
	point.Shared, point.Slave = m.Shared, m.Slave
	for range list {
		if err != nil {
			break
		}
		point.Types = append(point.Types, m.Type)
		m, err = mountIn(list, m.Parent)
	}
	if len(point.Types) == 0 {
		return fmt.Errorf("process %d: %w", p.PID, err)
	}
	return nil
}

// Mount returns a mount in the mountinfo of p.
func (p *Process) Mount(id int) (procfs.Mount, error) {
	list, err := p.Mounts()
	if err != nil {
		return procfs.Mount{}, err
	}
	return mountIn(list, id)
}

// mountIn finds a mount by its number.
func mountIn(list []procfs.Mount, id int) (procfs.Mount, error) {
	for _, m := range list {
		if m.ID == id {
			return m, nil
		}
	}
	return procfs.Mount{}, fmt.Errorf("mount %d cannot be reached from its root directory", id)
}

// Mounts returns the mountinfo of p.
func (p *Process) Mounts() ([]procfs.Mount, error) { return procfs.ReadMounts(p.dir, MaxMounts) }

// Start returns field 22 of the stat of p, proc_pid_stat(5).
func (p *Process) Start() (uint64, error) {
	st, err := procfs.ReadStatAt(int(p.dir.Fd()))
	return st.Start, err
}

// statMount asks no server.
func statMount(f *os.File) (unix.Statx_t, error) {
	var st unix.Statx_t
	const flags = unix.AT_EMPTY_PATH | unix.AT_STATX_DONT_SYNC | unix.AT_NO_AUTOMOUNT
	const mask = unix.STATX_TYPE | unix.STATX_MODE | unix.STATX_UID | unix.STATX_INO | unix.STATX_MNT_ID
	err := unix.Statx(int(f.Fd()), "", flags, mask, &st)
	if err == nil && st.Mask&unix.STATX_MNT_ID == 0 {
		err = unix.ENOSYS // Linux before 5.8
	}
	return st, err
}

// pathOf returns the path of an open file in its mount namespace.
func pathOf(f *os.File) (string, error) {
	name, err := os.Readlink("/proc/self/fd/" + strconv.Itoa(int(f.Fd())))
	if err == nil && strings.HasSuffix(name, " (deleted)") {
		var st unix.Stat_t
		if unix.Fstat(int(f.Fd()), &st) == nil && st.Nlink == 0 {
			return "", unix.ENOENT
		}
	}
	return name, err
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
