//go:build linux

// Package observe reads the facts for a plan, on the engine's host: it proves that a process is the
// container's, and reads its namespaces, bundle, cgroups, users, limits and filters. It changes nothing, except
// that it stops the container's first process for a moment to copy its filter.
package observe

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/pkg/ns"
	"github.com/nsjoin/docker-nsjoin/pkg/plan"
	"github.com/nsjoin/docker-nsjoin/pkg/procfs"
)

// Process is an open process. It can end, but another process that gets its number is never mistaken for it.
type Process struct {
	PID int
	// Pidfd is for setns(2) and Alive.
	Pidfd *os.File
	// Namespaces are open files of its namespaces, which keep the namespaces and their IDs in use.
	Namespaces map[ns.Kind]*os.File
	IDs        map[ns.Kind]ns.ID

	dir *os.File // /proc/PID; reading fails with ESRCH once the process has ended
	// thread is a living thread if the main thread has ended, and dir is /proc/PID/task/THREAD then. Otherwise
	// it is 0.
	thread int

	// Cached results of reading.
	status procfs.Status // "" if not read yet
	groups []plan.Cgroup
	// container is the ID of the container that the process was proved to be the first process of.
	container string
	// bundle is the bundle directory of the container that the process is the shim of. bundleFile is the path
	// of config.json relative to /proc/PID.
	bundle, bundleFile string
	// mountinfo is that of its mount namespace; nil before openMounts.
	mountinfo *os.File
}

// OpenProcess opens process pid. It fails if there is no such process on this host or if reading it is not
// permitted.
func OpenProcess(pid int) (*Process, error) {
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return nil, fmt.Errorf("open process %d: %w", pid, err)
	}
	p := &Process{PID: pid, Pidfd: os.NewFile(uintptr(fd), "pidfd")}
	if p.dir, err = procfs.Open(pid); err == nil {
		err = p.useLivingThread()
	}
	if err == nil {
		// If the process still lives, dir was opened for it and not for a successor.
		err = p.Alive()
	}
	if err != nil {
		p.release()
		return nil, err
	}
	return p, nil
}

// useLivingThread makes dir that of a living thread if the main thread has ended.
func (p *Process) useLivingThread() error {
	tid, err := livingThread(int(p.dir.Fd()), p.PID)
	if err != nil || tid == 0 {
		return err
	}
	dir, err := procfs.OpenDir(fmt.Sprintf("/proc/%d/task/%d", p.PID, tid))
	if err != nil {
		return err
	}
	p.dir.Close()
	p.dir, p.thread = dir, tid
	return nil
}

// release closes all open files.
func (p *Process) release() {
	p.dir.Close() // Close of a nil *os.File returns an error
	p.Pidfd.Close()
	p.mountinfo.Close()
	for _, f := range p.Namespaces {
		f.Close()
	}
}

// Alive fails with ESRCH if the process has ended.
func (p *Process) Alive() error {
	err := unix.PidfdSendSignal(int(p.Pidfd.Fd()), 0, nil, 0)
	// EACCES comes from AppArmor, which may deny even signal 0.
	if err != nil && !errors.Is(err, unix.EPERM) && !errors.Is(err, unix.EACCES) {
		return fmt.Errorf("process %d: %w", p.PID, err)
	}
	return nil
}

// OpenNamespaces opens all namespaces of the process. Kinds that the kernel lacks are left out. It fails with
// ESRCH for a process that has ended and has not been waited for: it still has a pidfd, but few namespaces.
// release closes what was opened, also after an error.
func (p *Process) OpenNamespaces() error {
	p.Namespaces = make(map[ns.Kind]*os.File)
	p.IDs = make(map[ns.Kind]ns.ID)
	for _, k := range ns.Kinds() {
		f, err := p.open("ns/"+k.String(), unix.O_RDONLY)
		if errors.Is(err, unix.ENOENT) {
			if unix.Access("/proc/self/ns/"+k.String(), unix.F_OK) == nil {
				return fmt.Errorf("process %d has ended: %w", p.PID, unix.ESRCH)
			}
			continue
		}
		if err != nil {
			return fmt.Errorf("open %s namespace: %w", k, err)
		}
		p.Namespaces[k] = f // so that release closes it
		if p.IDs[k], err = idOf(f); err != nil {
			return err
		}
	}
	return nil
}

// OpenRoot opens the root directory of the process, for package inroot.
func (p *Process) OpenRoot() (*os.File, error) {
	return p.open("root", unix.O_PATH|unix.O_DIRECTORY)
}

// Facts returns the facts about the process for a plan.
func (p *Process) Facts() plan.Process {
	return plan.Process{PID: p.PID, Namespaces: p.IDs}
}

// open opens a file of /proc/PID.
func (p *Process) open(name string, flags int) (*os.File, error) {
	fd, err := unix.Openat(int(p.dir.Fd()), name, flags|unix.O_CLOEXEC|unix.O_NOCTTY, 0)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: p.path(name), Err: err}
	}
	return os.NewFile(uintptr(fd), p.path(name)), nil
}

func (p *Process) path(name string) string { return p.dir.Name() + "/" + name }

// SetnsPidfd returns the pidfd for setns(2). It is nil if the main thread has ended, since setns looks at that
// thread only.
func (p *Process) SetnsPidfd() *os.File {
	if p.thread != 0 {
		return nil
	}
	return p.Pidfd
}

// read reads a whole file of /proc/PID.
func (p *Process) read(name string) (string, error) { return procfs.ReadFile(p.dir, name) }

// readLines calls see with each line of a file of /proc/PID until see returns false.
func (p *Process) readLines(name string, see func(line string) bool) error {
	return procfs.ReadLines(p.dir, name, see)
}

// readlink reads a link of /proc/PID.
func (p *Process) readlink(name string) (string, error) { return procfs.ReadLink(p.dir, name) }

// readStatus reads the status of p, once.
func (p *Process) readStatus() (procfs.Status, error) {
	if p.status == "" {
		st, err := procfs.ReadStatus(p.dir)
		if err != nil {
			return "", err
		}
		p.status = st
	}
	return p.status, nil
}

// capabilities reads the five capability sets of a status.
func capabilities(st procfs.Status) (plan.Capabilities, error) {
	var c plan.Capabilities
	for _, set := range []struct {
		field string
		into  *plan.CapSet
	}{
		{"CapBnd", &c.Bounding},
		{"CapPrm", &c.Permitted},
		{"CapEff", &c.Effective},
		{"CapInh", &c.Inheritable},
		{"CapAmb", &c.Ambient},
	} {
		bits, err := st.Number(set.field, 16)
		if err != nil {
			return plan.Capabilities{}, err
		}
		*set.into = plan.CapSet(bits)
	}
	return c, nil
}
