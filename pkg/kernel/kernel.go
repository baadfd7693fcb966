//go:build linux

// Package kernel explains what the kernel refuses: the way out is another one where
// it is too old, where a seccomp filter stands before it, or a limit is reached.
package kernel

import (
	"errors"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/pkg/exit"
)

// Explain adds the way out to an error that a system call of this process's ended
// with, where there is one. What a command's own error is stays as it is.
func Explain(err error) error {
	if exit.Status(err) != exit.Failed {
		return err
	}
	refused := errors.Is(err, unix.EPERM) || errors.Is(err, unix.EACCES)
	switch {
	case (refused || errors.Is(err, unix.ENOSYS)) && filtered():
		return exit.Hint(err, "a seccomp filter is on docker nsjoin itself, of a systemd unit or a container around it: "+
			"run it outside of that, or with --via engine")
	case errors.Is(err, unix.ENOSYS):
		return exit.Hint(err, "docker nsjoin takes Linux 5.6 or newer")
	case errors.Is(err, unix.EMFILE):
		return exit.Hint(err, "the limit of open files is too low here: ulimit -n 256")
	case errors.Is(err, unix.ENFILE):
		return exit.Hint(err, "the machine's limit of open files is reached: sysctl fs.file-max")
	}
	return err
}

// Crowded adds the way out to an error of a fork that the kernel has no place for.
func Crowded(err error) error {
	if !errors.Is(err, unix.EAGAIN) {
		return err
	}
	return exit.Hint(err, "a limit of processes is reached: ulimit -u, or pids.max of a cgroup")
}

// filtered tells whether this process has a seccomp filter, PR_GET_SECCOMP(2const).
func filtered() bool {
	mode, err := unix.PrctlRetInt(unix.PR_GET_SECCOMP, 0, 0, 0, 0)
	return err == nil && mode == unix.SECCOMP_MODE_FILTER
}
