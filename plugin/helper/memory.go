//go:build linux

package main

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/pkg/keeper"
	"github.com/nsjoin/docker-nsjoin/pkg/memfd"
	"github.com/nsjoin/docker-nsjoin/pkg/observe"
	"github.com/nsjoin/docker-nsjoin/pkg/request"
	"github.com/nsjoin/docker-nsjoin/pkg/session"
)

// readFrames reads the request that a client sends to a helper in a container. args are none or, in a container that is
// kept, the capabilities that the call keeps. The helper that runs from memory has the descriptor of its connection to
// the container's first process besides.
func readFrames(client *session.Outputs, args []string) (*request.Request, error) {
	switch len(args) {
	case 0:
		sealed, err := isSealed()
		if err == nil && !sealed {
			err = runFromMemory(os.Args, copySelf, func() error {
				observe.EnterHostCgroups()
				return nil
			})
		}
		if err != nil && !errors.Is(err, errNoMemoryFile) {
			return nil, err
		}
	case 1:
		return nil, holdAndRun(args[0])
	default:
		if sealed, err := isSealed(); err != nil || !sealed {
			return nil, cmp.Or(err, errNoMemoryFile)
		}
		connection, err := strconv.Atoi(args[1])
		if err != nil {
			return nil, fmt.Errorf("descriptor %q: %w", args[1], err)
		}
		unix.CloseOnExec(connection)
		keeper.Watch(connection, endWithContainer)
		if err := client.Stderr.Hello(); err != nil {
			return nil, err
		}
	}
	r, err := request.Read(session.RemoteRequest())
	if err != nil {
		return nil, err
	}
	return r, receivePrograms(r)
}

// holdAndRun makes the container that is kept stay for this call, and runs the helper from memory with capabilities, a
// set in hexadecimal digits. It returns only on an error.
func holdAndRun(capabilities string) error {
	connection, err := keeper.Connect()
	if err != nil {
		return err
	}
	program := func() (*os.File, error) {
		// Opened before the capabilities are dropped: the first process hides from tracers.
		if f, err := keeper.Program(connection); err == nil && hasSeals(f) {
			return f, nil
		}
		return copySelf()
	}
	if _, err := unix.FcntlInt(uintptr(connection), unix.F_SETFD, 0); err != nil {
		return fmt.Errorf("hold the helper's container: %w", err)
	}
	return runFromMemory(append(os.Args, strconv.Itoa(connection)), program, func() error {
		observe.EnterHostCgroups()
		return dropCapabilities(capabilities)
	})
}

// endWithContainer is called when somebody stops the container that is kept during a call. This helper has moved to
// the cgroups of the container's shim, where the engine does not find it, and the engine waits for it. So it ends as
// in a container of its own: the command gets SIGTERM, and is killed before the engine's ten seconds are over.
func endWithContainer() {
	const grace = 8 * time.Second
	_ = unix.Kill(os.Getpid(), unix.SIGTERM)
	time.Sleep(grace)
	_ = unix.Kill(os.Getpid(), unix.SIGKILL) // the watchdog ends the command
}

// keep is the first process of a container that is kept. seconds is its idle time. It executes itself from memory, and
// the calls run from that file. It needs no capabilities. It drops them after main has hidden it from tracers, not
// before execve(2), which would let it be traced for a moment.
func keep(seconds string) error {
	idle, err := strconv.Atoi(seconds)
	if err != nil {
		return fmt.Errorf("idle time: %w", err)
	}
	sealed, err := isSealed()
	if err != nil {
		return err
	}
	if !sealed {
		return runFromMemory(os.Args, copySelf, func() error { return nil })
	}
	if err := dropAllCapabilities(); err != nil {
		return err
	}
	return keeper.Keep(time.Duration(idle) * time.Second)
}

// dropCapabilities limits a program that this thread executes to capabilities, a set in hexadecimal digits.
func dropCapabilities(capabilities string) error {
	keep, err := strconv.ParseUint(capabilities, 16, 64)
	if err != nil {
		return fmt.Errorf("capabilities: %w", err)
	}
	for number := range uintptr(64) {
		if keep&(1<<number) != 0 {
			continue
		}
		err := unix.Prctl(unix.PR_CAPBSET_DROP, number, 0, 0, 0)
		if errors.Is(err, unix.EINVAL) {
			break // the kernel has no more
		}
		if err != nil {
			return fmt.Errorf("drop capability %d: %w", number, err)
		}
	}
	// A program of root's gets all that is inheritable or in the bounding set.
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if err := unix.Capget(&header, &data[0]); err != nil {
		return fmt.Errorf("read capabilities: %w", err)
	}
	for i := range data {
		data[i].Inheritable = 0 // and so the ambient set
	}
	if err := unix.Capset(&header, &data[0]); err != nil {
		return fmt.Errorf("drop capabilities: %w", err)
	}
	return nil
}

// errNoMemoryFile says that vm.memfd_noexec=2 or the container's limit of file sizes forbids an executable memory file.
var errNoMemoryFile = errors.New("no executable memory file can be made (vm.memfd_noexec=2?)")

// isSealed reports whether this helper runs from a sealed memory file.
func isSealed() (bool, error) {
	self, err := os.Open("/proc/self/exe")
	if err != nil {
		return false, fmt.Errorf("open the helper: %w", err)
	}
	defer self.Close()
	return hasSeals(self), nil
}

// hasSeals reports whether nobody can change a file.
func hasSeals(f *os.File) bool {
	seals, err := unix.FcntlInt(f.Fd(), unix.F_GET_SEALS, 0)
	return err == nil && seals&unix.F_SEAL_WRITE != 0
}

// copySelf copies the helper into a sealed memory file.
func copySelf() (*os.File, error) {
	self, err := os.Open("/proc/self/exe")
	if err != nil {
		return nil, fmt.Errorf("open the helper: %w", err)
	}
	defer self.Close()
	program, err := memfd.Sealed("docker-nsjoin", unix.MFD_EXEC, func(f *os.File) error { return copyFile(f, self) })
	if errors.Is(err, unix.EACCES) || errors.Is(err, unix.EFBIG) {
		return nil, errNoMemoryFile
	}
	return program, err
}

// runFromMemory executes the helper of a container again, from a sealed memory file: a process of the container that it
// joins can't overwrite that, and no later helper runs from a file that one could (CVE-2019-5736). program returns the
// file. prepare, whose effects may be this thread's only, is called just before. It returns only on an error, which is
// errNoMemoryFile if there can be no such file.
func runFromMemory(args []string, program func() (*os.File, error), prepare func() error) error {
	f, err := program()
	if err != nil {
		return err
	}
	runtime.LockOSThread() // never unlocked: execve(2) ends all other threads
	if err := prepare(); err != nil {
		return err
	}
	err = unix.Exec("/proc/self/fd/"+strconv.Itoa(int(f.Fd())), args, os.Environ())
	return fmt.Errorf("run the helper from memory: %w", err)
}

// copyFile copies a regular file from its beginning.
func copyFile(to, from *os.File) error {
	const most = 1 << 30 // bytes per call
	var offset int64
	for {
		n, err := unix.Sendfile(int(to.Fd()), int(from.Fd()), &offset, most)
		if err != nil && !errors.Is(err, unix.EINTR) {
			return fmt.Errorf("copy the helper: %w", err)
		}
		if err == nil && n == 0 {
			return nil
		}
	}
}
