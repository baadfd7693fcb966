//go:build linux

package observe

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

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
		{"its line", nobody + root, with("/root", "/bin/sh", true)},
		{"the first of two", root + "toor:x:0:0::/toor:/bin/ash\n", with("/root", "/bin/sh", true)},
		{"no line", nobody, plan.Account{}},
		{"an empty file", "", plan.Account{}},
		{"no shell", "root:x:0:0:root:/root:\n", with("/root", "", false)},
		{"a shell that is not there", "root:x:0:0::/root:/bin/zsh\n", with("/root", "/bin/zsh", false)},
		{"a shell that is a directory", "root:x:0:0::/root:/bin\n", with("/root", "/bin", false)},
		{"a shell that is a FIFO", "root:x:0:0::/root:/bin/fifo\n", with("/root", "/bin/fifo", false)},
		{"a shell without a directory", "root:x:0:0::/root:sh\n", with("/root", "sh", false)},
		{"a shell that is a link", "root:x:0:0::/root:/bin/link\n", with("/root", "/bin/link", true)},
		{"a shell that is there outside only", "root:x:0:0::/root:/bin/outside\n", with("/root", "/bin/outside", false)},
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
		if got, err := p.readAccount(0); err != nil || got != row.want {
			t.Errorf("%s: %+v, %v; want %+v", row.name, got, err, row.want)
		}
	}
}

func TestNoPasswdIsNoError(t *testing.T) {
	for name, file := range map[string]string{
		"no /etc": "root/bin/sh", "an empty /etc": "root/etc/group", "an /etc that is a file": "root/etc",
	} {
		got, err := procDir(t, map[string]string{file: ""}).readAccount(0)
		if err != nil || got != (plan.Account{}) {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
}

// The container's root puts in the place of /etc/passwd what he likes.
func TestHostilePasswd(t *testing.T) {
	const inside = "root:x:0:0::/inside:/bin/sh\n"
	for _, row := range []struct {
		name    string
		put     func(path string) error
		home    string
		message string
	}{
		{"a FIFO", func(path string) error { return unix.Mkfifo(path, 0o600) }, "", "not a regular file but a FIFO"},
		{"a socket", func(path string) error { return unix.Mknod(path, unix.S_IFSOCK|0o600, 0) }, "", "not a regular file but a socket"},
		{"a directory", func(path string) error { return os.Mkdir(path, 0o755) }, "", "not a regular file but a directory"},
		{"a link to itself", func(path string) error { return os.Symlink("passwd", path) }, "", "too many levels of symbolic links"},
		{"a link to a FIFO", func(path string) error {
			return errors.Join(unix.Mkfifo(path+".fifo", 0o600), os.Symlink("/etc/passwd.fifo", path))
		}, "", "not a regular file but a FIFO"},
		{"a link out of the root", func(path string) error { return os.Symlink("../../../../../../../../etc/p", path) }, "/inside", ""},
		{"a link to the root", func(path string) error { return os.Symlink("/etc/p", path) }, "/inside", ""},
		{"a sparse file", func(path string) error {
			return errors.Join(os.WriteFile(path, nil, 0o600), os.Truncate(path, 8<<30))
		}, "", "its /etc/passwd: "},
		{"a line without an end", func(path string) error {
			return os.WriteFile(path, []byte("root:"+strings.Repeat("x", 1<<20)), 0o600)
		}, "", "its /etc/passwd: "},
		{"the most lines that are read", func(path string) error {
			return os.WriteFile(path, []byte(inside+strings.Repeat("\n", maxPasswd-len(inside))), 0o600)
		}, "/inside", ""},
		{"one byte more", func(path string) error {
			return os.WriteFile(path, []byte(inside+strings.Repeat("\n", maxPasswd-len(inside)+1)), 0o600)
		}, "", "it is larger than 4194304 bytes"},
	} {
		p := procDir(t, map[string]string{"root/etc/p": inside})
		if err := row.put(filepath.Join(p.dir.Name(), "root/etc/passwd")); err != nil {
			t.Fatal(err)
		}
		type result struct {
			account plan.Account
			err     error
		}
		done := make(chan result, 1)
		go func() {
			a, err := p.readAccount(0)
			done <- result{a, err}
		}()
		select {
		case got := <-done:
			if got.account.Home != row.home || (got.err != nil) != (row.message != "") ||
				!strings.Contains(text(got.err), row.message) {
				t.Errorf("%s: %+v, %v; want %s", row.name, got.account, got.err, row.message)
			}
		case <-time.After(20 * time.Second):
			t.Fatalf("%s: it hangs", row.name)
		}
	}
}
