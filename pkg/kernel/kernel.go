//go:build linux

// Package kernel explains what the kernel refuses: the way out is another one where
// it is too old, where a seccomp filter or an AppArmor profile stands before it, or a limit
// is reached.
package kernel

import (
	"errors"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/pkg/exit"
	"github.com/nsjoin/docker-nsjoin/pkg/procfs"
)

// Explain adds the way out to an error that a system call of this process's ended
// with, where there is one. What a command's own error is stays as it is.
func Explain(err error) error {
	if exit.Status(err) != exit.Failed {
		return err
	}
	refused := errors.Is(err, unix.EPERM) || errors.Is(err, unix.EACCES)
	switch {
	case errors.Is(err, unix.EACCES) && Confined() != "":
		return ConfinedHint(err) // a filter's refusal is mostly EPERM
	case (refused || errors.Is(err, unix.ENOSYS)) && filtered():
		return exit.Hint(err, "a seccomp filter is on docker nsjoin itself, of a systemd unit or a container around it: "+
			"run it outside of that, or with --via engine")
	case refused && Confined() != "":
		return ConfinedHint(err)
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

// ConfinedHint adds the way out to an error that the profile is to blame for which
// confines this process. Without one the error stays as it is.
func ConfinedHint(err error) error {
	profile := Confined()
	if profile == "" {
		return err
	}
	return exit.Hint(err, "docker nsjoin itself is confined by the AppArmor profile %s: run it outside of that, or with --via engine", profile)
}

// Confined is the AppArmor profile that this process is under, or "".
func Confined() string {
	label, err := procfs.OwnLabel()
	if err != nil || !label.Confined() {
		return ""
	}
	return label.AppArmor
}

// filtered tells whether this process has a seccomp filter, PR_GET_SECCOMP(2const).
func filtered() bool {
	mode, err := unix.PrctlRetInt(unix.PR_GET_SECCOMP, 0, 0, 0, 0)
	return err == nil && mode == unix.SECCOMP_MODE_FILTER
}
