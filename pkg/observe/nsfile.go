//go:build linux

package observe

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/pkg/inroot"
	"github.com/nsjoin/docker-nsjoin/pkg/ns"
	"github.com/nsjoin/docker-nsjoin/pkg/plan"
)

// openPath opens a namespace file by its path on the host. If the helper runs in its own container, its /proc
// is the host's except for self; magic links in it cannot be followed through the host's root directory.
func (o *Observation) openPath(path string) (*os.File, plan.PathNamespace, error) {
	if o.host == o.self {
		return openNamespace(path)
	}
	if rest, ok := strings.CutPrefix(path, "/proc/self/"); ok {
		path = o.host.path(rest)
	}
	if !strings.HasPrefix(path, "/proc/") {
		root, err := o.host.OpenRoot()
		if err != nil {
			return nil, plan.PathNamespace{}, err
		}
		defer root.Close()
		at, err := inroot.OpenPath(root, path)
		if err != nil {
			return nil, plan.PathNamespace{}, err
		}
		defer at.Close()
		path = fmt.Sprintf("/proc/self/fd/%d", at.Fd())
	}
	return openNamespace(path)
}

// openNamespace opens a namespace file. It opens nothing else: the file is checked through an O_PATH descriptor
// first.
func openNamespace(path string) (*os.File, plan.PathNamespace, error) {
	var facts plan.PathNamespace
	fd, err := unix.Open(path, unix.O_PATH|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, facts, err
	}
	at := os.NewFile(uintptr(fd), path)
	defer at.Close()
	var fs unix.Statfs_t
	if err := unix.Fstatfs(fd, &fs); err != nil {
		return nil, facts, err
	}
	if fs.Type != unix.NSFS_MAGIC {
		return nil, facts, errors.New("not a namespace file")
	}
	f, err := os.Open(fmt.Sprintf("/proc/self/fd/%d", fd))
	if err != nil {
		return nil, facts, err
	}
	if facts.ID, err = idOf(f); err == nil {
		facts.Kind, err = kindOf(f)
	}
	if err != nil {
		f.Close()
		return nil, facts, err
	}
	return f, facts, nil
}

// kindOf returns the kind of an open namespace, ioctl_nsfs(2).
func kindOf(f *os.File) (ns.Kind, error) {
	flag, err := unix.IoctlRetInt(int(f.Fd()), unix.NS_GET_NSTYPE)
	if err != nil {
		return 0, fmt.Errorf("kind of namespace: %w", err)
	}
	for _, k := range ns.Kinds() {
		if k.Flag() == uint32(flag) {
			return k, nil
		}
	}
	return 0, fmt.Errorf("unknown kind of namespace %#x", flag)
}

// owner returns the user namespace that owns an open namespace. EPERM means that it is neither the helper's nor
// below it.
func owner(f *os.File) (ns.ID, error) {
	fd, err := unix.IoctlRetInt(int(f.Fd()), unix.NS_GET_USERNS)
	if err != nil {
		return ns.ID{}, err
	}
	user := os.NewFile(uintptr(fd), "user namespace")
	defer user.Close()
	return idOf(user)
}

// unreachable reports whether an open pid namespace is neither the namespace own nor below it.
func unreachable(pid *os.File, own ns.ID) (bool, error) {
	id, err := idOf(pid)
	for err == nil && id != own {
		var fd int
		if fd, err = unix.IoctlRetInt(int(pid.Fd()), unix.NS_GET_PARENT); err != nil {
			break
		}
		pid = os.NewFile(uintptr(fd), "pid namespace")
		defer pid.Close()
		id, err = idOf(pid)
	}
	if errors.Is(err, unix.EPERM) {
		return true, nil // the parent is above the helper's namespace
	}
	if err != nil {
		return false, fmt.Errorf("parent of a pid namespace: %w", err)
	}
	return false, nil
}

func idOf(f *os.File) (ns.ID, error) {
	var st unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &st); err != nil {
		return ns.ID{}, fmt.Errorf("stat namespace: %w", err)
	}
	return ns.ID{Dev: st.Dev, Ino: st.Ino}, nil
}
