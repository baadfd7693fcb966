//go:build linux

package procfs

import (
	"errors"
	"os"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// Unconfined is AppArmor's label for a process without a profile.
const Unconfined = "unconfined"

// Label is the label by which a security module confines a process, from /proc/PID/attr. At most one of AppArmor
// and SELinux is set.
type Label struct {
	// AppArmor is a profile, Unconfined, or a stack of profiles such as a//&b. In front of a profile in a policy
	// namespace other than the reader's is that namespace, as in :ns:a.
	AppArmor string
	Mode     string // enforce, complain, kill, mixed or unconfined; "" for Unconfined
	SELinux  string // a context, or a label of Smack
}

// OwnLabel reads the label of this process. It is zero if no module sets one.
func OwnLabel() (Label, error) {
	return LabelFrom(func(name string) (string, error) {
		fd, err := unix.Open("/proc/self/"+name, unix.O_RDONLY|unix.O_CLOEXEC, 0)
		if err != nil {
			return "", err
		}
		defer unix.Close(fd)
		buf := make([]byte, os.Getpagesize()) // the kernel's limit for a label
		n, err := unix.Read(fd, buf)
		return string(buf[:max(0, n)]), err
	})
}

// LabelFrom reads the label of a process. read reads a file of its directory in /proc.
//
// Only AppArmor writes attr/apparmor/current, which Linux has since 5.8. attr/current is shared: the first
// module in use writes it.
func LabelFrom(read func(name string) (string, error)) (Label, error) {
	for _, name := range []string{"attr/apparmor/current", "attr/current"} {
		text, err := read(name)
		switch {
		case errors.Is(err, unix.EINVAL), errors.Is(err, unix.ENOENT):
			continue // the module is absent or unused
		case err != nil:
			return Label{}, err
		}
		l := ParseLabel(text)
		if name == "attr/apparmor/current" && l.AppArmor == "" {
			l = Label{AppArmor: l.SELinux} // even without a known mode
		}
		if l != (Label{}) {
			return l, nil
		}
	}
	return Label{}, nil
}

// ParseLabel parses the text of attr/current. "name (mode)" and "unconfined" are AppArmor's. The name of a
// profile may contain spaces and parentheses.
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

// Confined reports whether AppArmor restricts a process with this label. A profile in complain mode denies
// nothing to its own process, but other profiles may not let it trace or signal their processes.
func (l Label) Confined() bool {
	return l.AppArmor != "" && l.AppArmor != Unconfined && l.Mode != "unconfined"
}
