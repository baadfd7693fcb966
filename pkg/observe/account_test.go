//go:build linux

package observe

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/pkg/plan"
)

func TestAccount(t *testing.T) {
	const (
		nobody = "nobody:x:65534:65534::/nonexistent:/bin/false\n"
		root   = "root:x:0:0:root:/root:/bin/sh\n"
	)
	with := func(home, shell string, exists bool) plan.Account {
		return plan.Account{Home: home, Shell: shell, ShellExists: exists}
	}
	for _, row := range []struct {
		name, passwd string
		want         plan.Account
	}{
		{"one line", nobody + root, with("/root", "/bin/sh", true)},
		{"the first of two", root + "toor:x:0:0::/toor:/bin/ash\n", with("/root", "/bin/sh", true)},
		{"no line", nobody, with("/", "", false)},
		{"an empty file", "", with("/", "", false)},
		{"no shell", "root:x:0:0:root:/root:\n", with("/root", "", false)},
		{"a shell that is not there", "root:x:0:0::/root:/bin/zsh\n", with("/root", "/bin/zsh", false)},
		{"a shell that is a directory", "root:x:0:0::/root:/bin\n", with("/root", "/bin", false)},
		{"a shell that is a FIFO", "root:x:0:0::/root:/bin/fifo\n", with("/root", "/bin/fifo", false)},
		{"a shell without a directory", "root:x:0:0::/root:sh\n", with("/root", "sh", false)},
		{"a shell that is a link", "root:x:0:0::/root:/bin/link\n", with("/root", "/bin/link", true)},
		{"a shell that exists only outside of the root", "root:x:0:0::/root:/bin/outside\n", with("/root", "/bin/outside", false)},
	} {
		p := procDir(t, map[string]string{"root/etc/passwd": row.passwd, "root/bin/sh": "", "outside": ""})
		bin := filepath.Join(p.dir.Name(), "root/bin")
		if err := errors.Join(
			unix.Mkfifo(filepath.Join(bin, "fifo"), 0o600),
			os.Symlink("/bin/sh", filepath.Join(bin, "link")),
			os.Symlink(filepath.Join(p.dir.Name(), "outside"), filepath.Join(bin, "outside")),
		); err != nil {
			t.Fatal(err)
		}
		var got plan.TargetProcess
		if err := errors.Join(p.readUser(&got, "", nil), got.AccountErr); err != nil || got.Account != row.want {
			t.Errorf("%s: %+v, %v; want %+v", row.name, got.Account, err, row.want)
		}
	}
}

func TestNoPasswdIsNoError(t *testing.T) {
	for name, file := range map[string]string{
		"no /etc": "root/bin/sh", "an empty /etc": "root/etc/group", "an /etc that is a file": "root/etc",
	} {
		var got plan.TargetProcess
		err := procDir(t, map[string]string{file: ""}).readUser(&got, "", nil)
		if err := errors.Join(err, got.AccountErr); err != nil || got.Account != (plan.Account{Home: "/"}) {
			t.Errorf("%s: %+v, %v", name, got.Account, err)
		}
	}
}

// readUser calls readUser with the root directory of p.
func (p *Process) readUser(s *plan.TargetProcess, name string, groupAdd []string) error {
	root, err := p.OpenRoot()
	if err != nil {
		return err
	}
	defer root.Close()
	return readUser(s, root, name, groupAdd)
}
