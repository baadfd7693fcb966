//go:build linux

// Package kernel explains why the kernel refuses a system call of this process: it is too old, a seccomp
// filter or an AppArmor profile forbids the call, or a limit is reached. It also reads the attributes
// of this process that limit what it can do.
package kernel

import (
	"errors"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/pkg/exit"
	"github.com/nsjoin/docker-nsjoin/pkg/procfs"
)

// Explain adds a hint to an error of a system call of this process, if there is a hint for it. It returns an error
// of the command unchanged.
func Explain(err error) error { return ExplainFor(err, "", "5.6") }

// ExplainFor is Explain for a command of docker nsjoin, " mount", that needs this version of Linux.
func ExplainFor(err error, command, version string) error {
	if exit.Status(err) != exit.Failed {
		return err
	}
	refused := errors.Is(err, unix.EPERM) || errors.Is(err, unix.EACCES)
	switch {
	case errors.Is(err, unix.EACCES) && Confined() != "":
		return ConfinedHint(err) // most filters refuse with EPERM, not EACCES
	case (refused || errors.Is(err, unix.ENOSYS)) && filtered():
		return exit.Hint(err, "docker nsjoin itself runs under a seccomp filter, such as that of a systemd unit or a container: "+
			"run it without the filter, or use --via engine")
	case refused && Confined() != "":
		return ConfinedHint(err)
	case errors.Is(err, unix.ENOSYS):
		return exit.Hint(err, "docker nsjoin%s needs Linux %s or newer", command, version)
	case errors.Is(err, unix.EMFILE):
		return exit.Hint(err, "the limit on open files is too low: raise it with ulimit -Hn 256")
	case errors.Is(err, unix.ENFILE):
		return exit.Hint(err, "the machine's limit on open files is reached: raise it with sysctl fs.file-max=NUMBER")
	}
	return err
}

// ForkHint adds a hint to the error of a fork that a limit of processes refused.
func ForkHint(err error) error {
	if !errors.Is(err, unix.EAGAIN) {
		return err
	}
	return exit.Hint(err, "a limit on processes is reached: raise ulimit -u, or pids.max of the cgroup (docker update --pids-limit for a container's)")
}

// ConfinedHint adds a hint to an error that this process's AppArmor profile caused. Without a profile it
// returns the error unchanged.
func ConfinedHint(err error) error {
	profile := Confined()
	if profile == "" {
		return err
	}
	return exit.Hint(err, "docker nsjoin itself is confined by the AppArmor profile %s: run it without the profile, or use --via engine", profile)
}

// Confined returns the AppArmor profile that confines this process, or "".
func Confined() string {
	label, err := procfs.OwnLabel()
	if err != nil || !label.Confined() {
		return ""
	}
	return label.AppArmor
}

// filtered reports whether this process has a seccomp filter, PR_GET_SECCOMP(2const).
func filtered() bool {
	mode, err := unix.PrctlRetInt(unix.PR_GET_SECCOMP, 0, 0, 0, 0)
	return err == nil && mode == unix.SECCOMP_MODE_FILTER
}
