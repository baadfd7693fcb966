//go:build linux

package observe

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/moby/sys/user"
	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/pkg/inroot"
	"github.com/nsjoin/docker-nsjoin/pkg/plan"
)

// maxPasswd bounds a container's /etc/passwd, in bytes.
const maxPasswd = 4 << 20

// readAccount reads the line of uid in /etc/passwd beneath the root of p. No
// file, or no line, is an empty Account: the engine takes / for HOME then.
//
// The file is the container's, and hostile: a symlink stays inside its root,
// a FIFO or a device is never opened, and no more than maxPasswd is read.
func (p *Process) readAccount(uid uint32) (plan.Account, error) {
	root, err := p.OpenRoot()
	if err != nil {
		return plan.Account{}, err
	}
	defer root.Close()
	f, err := inroot.OpenRegular(root, "/etc/passwd")
	if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ENOTDIR) {
		return plan.Account{}, nil
	}
	if err != nil {
		return plan.Account{}, fmt.Errorf("its /etc/passwd: %w", err)
	}
	defer f.Close()
	limited := &io.LimitedReader{R: f, N: maxPasswd + 1}
	lines, err := user.ParsePasswdFilter(limited, func(u user.User) bool { return u.Uid == int(uid) })
	if err != nil {
		return plan.Account{}, fmt.Errorf("its /etc/passwd: %w", err)
	}
	if limited.N == 0 {
		return plan.Account{}, fmt.Errorf("its /etc/passwd: it is larger than %d bytes", maxPasswd)
	}
	if len(lines) == 0 {
		return plan.Account{}, nil
	}
	a := plan.Account{Home: lines[0].Home, Shell: lines[0].Shell}
	if strings.HasPrefix(a.Shell, "/") {
		if shell, err := inroot.Look(root, a.Shell); err == nil {
			a.ShellExists = inroot.Regular(shell) == nil
			shell.Close()
		}
	}
	return a, nil
}
