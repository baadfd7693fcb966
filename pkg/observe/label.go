//go:build linux

package observe

import (
	"errors"
	"runtime"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/pkg/plan"
	"github.com/nsjoin/docker-nsjoin/pkg/procfs"
)

// readProfile asks the kernel whether it has the AppArmor profile that the command is to
// get. Where the specification has no label it reads those that decide about that: of the
// helper, and of the process that would start the command.
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

// missingProfile tells whether the kernel has no such profile.
//
// It has to be asked. Of a process whose own profile is in complain mode the kernel takes
// the name of one that is missing, and makes up a profile in which everything is allowed
// (aa_change_profile of security/apparmor/domain.c). "permprofile" changes nothing.
func missingProfile(name string) bool {
	runtime.LockOSThread() // a thread can write its own attributes only
	defer runtime.UnlockOSThread()
	for _, file := range []string{"/proc/thread-self/attr/apparmor/current", "/proc/thread-self/attr/current"} {
		fd, err := unix.Open(file, unix.O_WRONLY|unix.O_CLOEXEC, 0)
		if err != nil {
			continue // before Linux 5.8 there is only the second
		}
		_, err = unix.Write(fd, []byte("permprofile "+name))
		unix.Close(fd)
		return errors.Is(err, unix.ENOENT)
	}
	return false
}
