//go:build linux

package procfs

import (
	"errors"
	"os"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// Unconfined is AppArmor's label of a process that no profile confines.
const Unconfined = "unconfined"

// Label is what the kernel's security modules have a process confined by, as
// /proc/PID/attr tells. At most one of the two is set.
type Label struct {
	// AppArmor is a profile, Unconfined, or a stack of profiles as a//&b, each with its
	// policy namespace in front as :ns:a where that is another than the reader's.
	AppArmor string
	Mode     string // enforce, complain, kill, mixed or unconfined; "" for Unconfined
	SELinux  string // a context, or Smack's label
}

// OwnLabel is this process's label; it is zero where no module gives any.
func OwnLabel() (Label, error) {
	return LabelFrom(func(name string) (string, error) {
		fd, err := unix.Open("/proc/self/"+name, unix.O_RDONLY|unix.O_CLOEXEC, 0)
		if err != nil {
			return "", err
		}
		defer unix.Close(fd)
		buf := make([]byte, os.Getpagesize()) // which is what the kernel bounds a label by
		n, err := unix.Read(fd, buf)
		return string(buf[:max(0, n)]), err
	})
}

// LabelFrom reads the label of the process of whose directory in /proc read reads files.
//
// attr/apparmor is AppArmor's alone; a kernel before 5.8 has only the one file that is
// the first module's.
func LabelFrom(read func(name string) (string, error)) (Label, error) {
	for _, name := range []string{"attr/apparmor/current", "attr/current"} {
		text, err := read(name)
		switch {
		case errors.Is(err, unix.EINVAL), errors.Is(err, unix.ENOENT):
			continue // the module is not there, or is not used
		case err != nil:
			return Label{}, err
		}
		l := ParseLabel(text)
		if name == "attr/apparmor/current" && l.AppArmor == "" {
			l = Label{AppArmor: l.SELinux} // whatever it is
		}
		if l != (Label{}) {
			return l, nil
		}
	}
	return Label{}, nil
}

// ParseLabel takes a label as attr/current has it: "name (mode)" and "unconfined" are
// AppArmor's. A profile's name may have spaces and parentheses.
func ParseLabel(text string) Label {
	text = strings.TrimRight(text, "\x00\n")
	if text == Unconfined {
		return Label{AppArmor: text}
	}
	if i := strings.LastIndex(text, " ("); i > 0 && strings.HasSuffix(text, ")") {
		mode := text[i+2 : len(text)-1]
		if slices.Contains([]string{"enforce", "complain", "kill", "mixed", "unconfined", "user"}, mode) {
			return Label{AppArmor: text[:i], Mode: mode}
		}
	}
	return Label{SELinux: text}
}

// Confined tells whether AppArmor may refuse something to a process with this label. A
// profile in complain mode refuses nothing, but those of other processes decide whether it
// may trace and signal them.
func (l Label) Confined() bool {
	return l.AppArmor != "" && l.AppArmor != Unconfined && l.Mode != "unconfined"
}
