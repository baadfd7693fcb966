//go:build linux

package observe

import (
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/pkg/inroot"
	"github.com/nsjoin/docker-nsjoin/pkg/ns"
	"github.com/nsjoin/docker-nsjoin/pkg/plan"
	"github.com/nsjoin/docker-nsjoin/pkg/procfs"
	"github.com/nsjoin/docker-nsjoin/pkg/request"
)

// ObserveUnmount reads the facts to detach a mount of the container, and opens its root. list are the container's mounts,
// which are only needed unless it is detached lazily. unique is the mount's number that is never used again, or 0. cameAlong
// reports whether a mount beneath it was mounted together with it.
func (o *Observation) ObserveUnmount(r *request.Request, list []procfs.Mount, m *procfs.Mount, unique uint64, cameAlong func(id int) bool) error {
	p, err := o.process(r.Base)
	if err != nil {
		return err
	}
	o.MountTarget, err = opened(func() (*os.File, error) { return inroot.OpenWithoutLinks(o.MountRoot, m.Path) })
	if err != nil {
		return fmt.Errorf("%s in %s: %w", m.Path, r.Base.Quoted(), err)
	}
	st, err := statMount(o.MountTarget)
	if err != nil {
		return fmt.Errorf("%s in %s: %w", m.Path, r.Base.Quoted(), err)
	}
	if int(st.Mnt_id) != m.ID {
		return fmt.Errorf("%s in %s: something else is mounted over it", m.Path, r.Base.Quoted())
	}
	if now, err := uniqueID(o.MountTarget); err != nil || now != unique {
		return fmt.Errorf("%s in %s: another mount has its number: it was unmounted in the container", m.Path, r.Base.Quoted())
	}
	f := &plan.MountFacts{Target: plan.MountPoint{Path: m.Path, Mount: m.ID}}
	o.Facts.Mount = f
	if !r.Mount.Lazy {
		err = p.readUse(list, m, f, cameAlong)
	}
	return err
}

// IsAnother reports whether a mount of the container surely has another number of those that are never used again: it is not
// if its root cannot be opened, since something is mounted over it.
func (o *Observation) IsAnother(m *procfs.Mount, unique uint64) bool {
	f, err := opened(func() (*os.File, error) { return inroot.OpenWithoutLinks(o.MountRoot, m.Path) })
	if err != nil {
		return false
	}
	defer f.Close()
	st, err := statMount(f)
	if err != nil || int(st.Mnt_id) != m.ID {
		return false
	}
	now, err := uniqueID(f)
	return err == nil && now != unique
}

// MountAt returns the number of the mount in a list of the container's that a path leads to the root of; 0 for none.
func (o *Observation) MountAt(list []procfs.Mount, name string) int {
	f, err := opened(func() (*os.File, error) { return inroot.OpenPath(o.MountRoot, name) })
	if err != nil {
		return 0
	}
	defer f.Close()
	st, err := statMount(f)
	if err != nil {
		return 0
	}
	at, err := pathOf(f)
	if err != nil {
		return 0
	}
	if m, err := mountIn(list, int(st.Mnt_id)); err != nil || m.Path != at {
		return 0
	}
	return int(st.Mnt_id)
}

// uniqueID returns the number of f's mount that the kernel never uses again, or 0 before Linux 6.8.
func uniqueID(f *os.File) (uint64, error) {
	const unique = 0x4000 // STATX_MNT_ID_UNIQUE
	var st unix.Statx_t
	err := unix.Statx(int(f.Fd()), "", unix.AT_EMPTY_PATH|unix.AT_STATX_DONT_SYNC|unix.AT_NO_AUTOMOUNT, unique, &st)
	if err != nil || st.Mask&unique == 0 {
		return 0, err
	}
	return st.Mnt_id, nil
}

const (
	maxMountUsers = 8      // that are named
	maxOpenFiles  = 65_536 // that are read of a process
)

// readUse finds the mounts beneath a mount, and the processes in the mount namespace of p that use it or one beneath it:
// by a directory, an open file, or a file in memory. It reads /proc only and asks no file system. A process that does so
// in another mount namespace keeps its files, whatever becomes of the mount here.
func (p *Process) readUse(list []procfs.Mount, m *procfs.Mount, f *plan.MountFacts, cameAlong func(id int) bool) error {
	in := &mountTree{ids: map[int]bool{m.ID: true}, path: m.Path}
	for _, other := range Beneath(list, m.ID) {
		in.ids[other.ID] = true
		if !other.Slave && !cameAlong(other.ID) { // a slave may have been mounted on the host since
			f.Beneath = append(f.Beneath, other.Path)
		}
	}
	return procfs.EachNumber("/proc", func(pid int) bool {
		// One call for each process of other containers, which are the most.
		if id, err := idAt(unix.AT_FDCWD, "/proc/"+strconv.Itoa(pid)+"/ns/mnt"); err != nil || id != p.IDs[ns.Mnt] {
			return true
		}
		if how := in.usedBy(pid, p.IDs[ns.Mnt]); how != "" {
			if len(f.Users) == maxMountUsers {
				f.More = true
				return false
			}
			f.Users = append(f.Users, plan.MountUser{PID: pid, Name: nameOf(pid), How: how})
		}
		return true
	})
}

// mountTree is a mount with those beneath it.
type mountTree struct {
	ids  map[int]bool
	path string
}

// usedBy says how a process uses the mounts; "" if it does not, or has ended.
func (t *mountTree) usedBy(pid int, mounts ns.ID) string {
	dir, err := procfs.Open(pid)
	if err != nil {
		return ""
	}
	defer dir.Close()
	if in, err := idAt(int(dir.Fd()), "ns/mnt"); err != nil || in != mounts {
		return ""
	}
	for link, how := range map[string]string{"cwd": "working directory", "root": "root directory", "exe": "program"} {
		var stx unix.Statx_t
		const flags = unix.AT_STATX_DONT_SYNC | unix.AT_NO_AUTOMOUNT
		if unix.Statx(int(dir.Fd()), link, flags, unix.STATX_MNT_ID, &stx) == nil && t.ids[int(stx.Mnt_id)] {
			return how
		}
	}
	if t.openBy(dir) {
		return "open file"
	}
	if t.mappedBy(dir) {
		return "file in memory"
	}
	return ""
}

// openBy reports whether a descriptor of the process is on one of the mounts.
func (t *mountTree) openBy(dir *os.File) bool {
	found, count := false, 0
	_ = procfs.EachNumber(dir.Name()+"/fdinfo", func(fd int) bool {
		count++
		_ = procfs.ReadLines(dir, "fdinfo/"+strconv.Itoa(fd), func(line string) bool {
			id, ok := strings.CutPrefix(line, "mnt_id:")
			if !ok {
				return true
			}
			number, err := strconv.Atoi(strings.TrimSpace(id))
			found = err == nil && t.ids[number]
			return false
		})
		return !found && count < maxOpenFiles
	})
	return found
}

// mappedBy reports whether a file on the mounts is in the process's memory.
func (t *mountTree) mappedBy(dir *os.File) bool {
	found := false
	_ = procfs.ReadLines(dir, "maps", func(line string) bool {
		i := strings.IndexByte(line, '/')
		found = i > 0 && strings.HasPrefix(line[i:], t.path+"/") || i > 0 && line[i:] == t.path
		return !found
	})
	return found
}

// nameOf returns the name of a process, proc_pid_comm(5).
func nameOf(pid int) string {
	dir, err := procfs.Open(pid)
	if err != nil {
		return "?"
	}
	defer dir.Close()
	name, err := procfs.ReadFile(dir, "comm")
	if err != nil {
		return "?"
	}
	return strings.TrimSuffix(name, "\n")
}
