package launch

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/pkg/ns"
	"github.com/nsjoin/docker-nsjoin/pkg/plan"
	"github.com/nsjoin/docker-nsjoin/pkg/procfs"
	"github.com/nsjoin/docker-nsjoin/pkg/request"
)

// FindFacts finds the facts for r, a resolved request. socket says that the engine's endpoint is a socket
// in this file system. configured is the configuration of the container whose file system the command
// has; nil if there is none, or to skip Facts.CallerConflict.
func FindFacts(r *request.Request, socket bool, configured *plan.Configured) Facts {
	f := Facts{Linux: true, Socket: socket, MayJoin: MayJoin(), Proven: true}
	sources := make([]request.Source, 0, len(ns.Kinds())+1)
	for _, k := range ns.Kinds() {
		sources = append(sources, r.Source(k))
	}
	if r.Names != nil && r.Names.Files {
		sources = append(sources, r.Names.Source)
	}
	if r.Mount != nil && r.Mount.From != nil {
		sources = append(sources, *r.Mount.From)
	}
	for _, s := range sources {
		if s.Container != nil && f.MayJoin && f.Proven {
			f.Proven, f.Denied = isFirstProcess(s.PID, s.Container.ID)
		}
	}
	if configured != nil && f.MayJoin && f.Proven {
		f.CallerConflict = callerConflict(r.Source(ns.Mnt).PID, configured)
	}
	return f
}

// isFirstProcess is a quick check whether process pid is the container's first: its parent's working
// directory is named after the ID, or the parent is Podman's conmon with the ID among its arguments.
// The helper verifies it. denied says that the kernel refuses access.
func isFirstProcess(pid int, id string) (is, denied bool) {
	st, err := procfs.ReadStat(pid)
	if err != nil {
		return false, false
	}
	parent := "/proc/" + strconv.Itoa(st.Parent)
	if dir, err := os.Readlink(parent + "/cwd"); err != nil || filepath.Base(dir) == id {
		return err == nil, errors.Is(err, fs.ErrPermission)
	}
	args, err := os.ReadFile(parent + "/cmdline")
	return err == nil && bytes.Contains(args, []byte("conmon\x00")) && bytes.Contains(args, []byte("\x00"+id+"\x00")), false
}

// SharesDir reports whether a directory of this machine is the same one for the container's engine: process pid is the
// container's first, and its parent has that directory at the same path. The directory's path has no symbolic links. It needs
// no rights. The mounts of both processes say it: a file system is not asked, whose server may not answer.
func SharesDir(pid int, id, dir string) bool {
	st, err := procfs.ReadStat(pid)
	if err != nil {
		return false
	}
	if is, denied := isFirstProcess(pid, id); !is || denied {
		args, err := os.ReadFile("/proc/" + strconv.Itoa(st.Parent) + "/cmdline")
		if err != nil || !bytes.Contains(args, []byte("\x00"+id+"\x00")) {
			return false
		}
	}
	here, err := fileOf(os.Getpid(), dir)
	if err != nil {
		return false
	}
	there, err := fileOf(st.Parent, dir)
	return err == nil && here == there
}

// fileInSystem is a file's place in a file system of this machine.
type fileInSystem struct{ device, path string }

// fileOf returns where a path without symbolic links leads for a process, by the process's mounts.
func fileOf(pid int, path string) (fileInSystem, error) {
	dir, err := procfs.Open(pid)
	if err != nil {
		return fileInSystem{}, err
	}
	defer dir.Close()
	list, err := procfs.ReadMounts(dir, maxMounts)
	if err != nil {
		return fileInSystem{}, err
	}
	return fileInMounts(list, path)
}

// maxMounts is how many mounts a process may have: with more, a directory is not known to be shared.
const maxMounts = 200_000

// fileInMounts goes down from the root directory, from each mount to the first one on it that path leads to. So one that is
// hidden by another one is not taken. A mount over the root directory itself leaves the process where it is.
func fileInMounts(list []procfs.Mount, path string) (file fileInSystem, err error) {
	at := procfs.RootMount(list)
	if at < 0 {
		return file, errors.New("mountinfo: the root directory is in no mount")
	}
	for range list {
		next := -1
		for i, m := range list {
			if m.Parent == list[at].ID && m.Path != "/" && isBeneath(path, m.Path) && (next < 0 || len(m.Path) < len(list[next].Path)) {
				next = i
			}
		}
		if next < 0 {
			break
		}
		at = next
	}
	rest, err := filepath.Rel(list[at].Path, path)
	if err != nil {
		return file, err
	}
	return fileInSystem{list[at].Device, filepath.Join(list[at].Root, rest)}, nil
}

// isBeneath reports whether a path is that of a directory, or beneath it. Both are clean and absolute.
func isBeneath(path, dir string) bool {
	return path == dir || strings.HasPrefix(path, strings.TrimSuffix(dir, "/")+"/")
}

// MayJoin reports whether this process has the capabilities that every join needs.
func MayJoin() bool {
	const needed = 1<<unix.CAP_SYS_ADMIN | 1<<unix.CAP_SYS_PTRACE | 1<<unix.CAP_SYS_CHROOT
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if err := unix.Capget(&header, &data[0]); err != nil {
		return false
	}
	return os.Geteuid() == 0 && data[0].Effective&needed == needed
}
