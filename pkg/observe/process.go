//go:build linux

// Package observe reads, on the engine's host, what a plan is decided from:
// it proves that a process is the container's, and reads its namespaces, its
// bundle, cgroups, users, limits and filters. It changes nothing, but for
// stopping the container's first process for a moment to copy its filter.
package observe

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strconv"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/pkg/ns"
	"github.com/nsjoin/docker-nsjoin/pkg/plan"
)

// maxProcFile bounds what is read of a file in /proc, in bytes. The largest is the status
// of a process in NGROUPS_MAX groups, 0.7 MB.
const maxProcFile = 1 << 20

// Process is a process that is held: it can end, but its number can't come to
// mean another one unnoticed.
type Process struct {
	PID int
	// Pidfd refers to it, for setns(2) and for Alive.
	Pidfd *os.File
	// Namespaces are open files of all its namespaces, which keeps them, and
	// their IDs, alive.
	Namespaces map[ns.Kind]*os.File
	IDs        map[ns.Kind]ns.ID

	dir *os.File // /proc/PID; ESRCH once the process is gone
	// thread is 0, or the thread that dir is of, where the main thread has ended and others
	// go on: /proc/PID/task/TID.
	thread int

	// What was read of it already.
	status *status
	groups []plan.Cgroup
	// container is the ID of the one that it was proved to be the first process of.
	container string
	// bundle is the directory of the one that it is the shim of, bundleFile where its
	// config.json is beneath /proc/PID.
	bundle, bundleFile string
}

// Hold opens process pid. It fails where the process is gone, is none of this
// host's, or may not be looked into.
func Hold(pid int) (*Process, error) {
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return nil, fmt.Errorf("pidfd of process %d: %w", pid, err)
	}
	p := &Process{PID: pid, Pidfd: os.NewFile(uintptr(fd), "pidfd")}
	if p.dir, err = openDir("/proc/" + strconv.Itoa(pid)); err == nil {
		err = p.turnToLiving()
	}
	if err == nil {
		// The number was this process's when dir was opened if it still lives.
		err = p.Alive()
	}
	if err != nil {
		p.release()
		return nil, err
	}
	return p, nil
}

// turnToLiving has dir be a thread's where the main one has ended.
func (p *Process) turnToLiving() error {
	tid, err := livingThread(int(p.dir.Fd()), p.PID)
	if err != nil || tid == 0 {
		return err
	}
	dir, err := openDir(fmt.Sprintf("/proc/%d/task/%d", p.PID, tid))
	if err != nil {
		return err
	}
	p.dir.Close()
	p.dir, p.thread = dir, tid
	return nil
}

// release closes what Hold, lookInto and OpenNamespaces opened.
func (p *Process) release() {
	p.dir.Close() // nil is an error that Close returns
	p.Pidfd.Close()
	for _, f := range p.Namespaces {
		f.Close()
	}
}

// Alive fails with ESRCH when the process has ended.
func (p *Process) Alive() error {
	err := unix.PidfdSendSignal(int(p.Pidfd.Fd()), 0, nil, 0)
	// EACCES is AppArmor's, which may forbid even that.
	if err != nil && !errors.Is(err, unix.EPERM) && !errors.Is(err, unix.EACCES) {
		return fmt.Errorf("process %d: %w", p.PID, err)
	}
	return nil
}

// OpenNamespaces opens all namespaces of the process. A kind that the kernel
// doesn't have is left out. On an error release closes those that were opened. It fails with ESRCH where the process has ended and
// was not waited for yet: it has a pidfd still, but few namespaces.
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
		p.Namespaces[k] = f // for release, whatever follows
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

// Facts is the process as a plan takes it.
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

func (p *Process) path(name string) string {
	if p.thread != 0 {
		return fmt.Sprintf("/proc/%d/task/%d/%s", p.PID, p.thread, name)
	}
	return fmt.Sprintf("/proc/%d/%s", p.PID, name)
}

// ForSetns is its pidfd where setns(2) can take it, which looks at the main thread only; else nil.
func (p *Process) ForSetns() *os.File {
	if p.thread != 0 {
		return nil
	}
	return p.Pidfd
}

// read reads a file of /proc/PID whole. More than maxProcFile bytes are an error.
func (p *Process) read(name string) (string, error) {
	var text []byte
	err := p.readParts(name, func(part []byte) bool {
		text = append(text, part...)
		return len(text) <= maxProcFile
	})
	if err == nil && len(text) > maxProcFile {
		err = p.tooLarge(name)
	}
	return string(text), err
}

func (p *Process) tooLarge(name string) error {
	return fmt.Errorf("%s: it is larger than %d bytes", p.path(name), maxProcFile)
}

// readLines gives the lines of a file of /proc/PID to see, until it wants no more. A line
// of more than maxProcFile bytes is an error.
func (p *Process) readLines(name string, see func(line string) bool) error {
	var rest []byte
	more := true
	err := p.readParts(name, func(part []byte) bool {
		rest = append(rest, part...)
		for more {
			line, after, whole := bytes.Cut(rest, []byte("\n"))
			if !whole {
				break
			}
			more, rest = see(string(line)), after
		}
		return more && len(rest) <= maxProcFile
	})
	switch {
	case err != nil || !more:
		return err
	case len(rest) > maxProcFile:
		return p.tooLarge(name)
	case len(rest) > 0:
		see(string(rest))
	}
	return nil
}

// readParts gives a file of /proc/PID to take in parts, which are overwritten,
// until it wants no more. The kernel makes what is read only.
func (p *Process) readParts(name string, take func(part []byte) bool) error {
	fd, err := unix.Openat(int(p.dir.Fd()), name, unix.O_RDONLY|unix.O_CLOEXEC|unix.O_NOCTTY, 0)
	if err != nil {
		return &os.PathError{Op: "open", Path: p.path(name), Err: err}
	}
	defer unix.Close(fd)
	buf := make([]byte, 4<<10)
	for {
		n, err := unix.Read(fd, buf)
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case err != nil:
			return &os.PathError{Op: "read", Path: p.path(name), Err: err}
		case n == 0 || !take(buf[:n]):
			return nil
		}
	}
}

// readlink reads a link of /proc/PID.
func (p *Process) readlink(name string) (string, error) {
	buf := make([]byte, unix.PathMax)
	n, err := unix.Readlinkat(int(p.dir.Fd()), name, buf)
	if err != nil {
		return "", &os.PathError{Op: "readlink", Path: p.path(name), Err: err}
	}
	return string(buf[:n]), nil
}

func openDir(path string) (*os.File, error) {
	fd, err := unix.Open(path, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: path, Err: err}
	}
	return os.NewFile(uintptr(fd), path), nil
}
