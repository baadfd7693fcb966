//go:build linux

package observe

import (
	"errors"
	"runtime"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/pkg/plan"
	"github.com/nsjoin/docker-nsjoin/pkg/procfs"
)

// readProfile checks that the kernel has the AppArmor profile that the command will get. If the specification
// has no label, it also reads the labels that decide: the helper's, and that of the process that would start
// the command.
func (o *Observation) readProfile(s *plan.TargetProcess, starter *Process) error {
	if s.Spec.AppArmor == "" && s.Spec.SELinux == "" {
		own, err := procfs.LabelFrom(o.self.read)
		if err != nil {
			return err
		}
		theirs, err := procfs.LabelFrom(starter.read)
		if err != nil {
			return err
		}
		o.Facts.AppArmor, s.Starter.AppArmor = own.AppArmor, theirs.AppArmor
	}
	if profile := s.Profiled(o.Facts.AppArmor); profile != "" {
		s.NoProfile = missingProfile(profile)
	}
	return nil
}

// missingProfile reports whether the kernel lacks a profile.
//
// The kernel must be asked: when a process in complain mode changes to a missing profile, the kernel creates
// one that allows everything (aa_change_profile of security/apparmor/domain.c). "permprofile" only checks.
func missingProfile(name string) bool {
	runtime.LockOSThread() // a thread can write only its own attributes
	defer runtime.UnlockOSThread()
	for _, file := range []string{"/proc/thread-self/attr/apparmor/current", "/proc/thread-self/attr/current"} {
		fd, err := unix.Open(file, unix.O_WRONLY|unix.O_CLOEXEC, 0)
		if err != nil {
			continue // Linux before 5.8 has only the second
		}
		_, err = unix.Write(fd, []byte("permprofile "+name))
		unix.Close(fd)
		return errors.Is(err, unix.ENOENT)
	}
	return false
}
