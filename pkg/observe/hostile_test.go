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

const inside1000 = "web:x:1000:1000::/inside:/bin/sh\n"

// hostileFiles are what a container's root can replace one of its files with. If message is "" the file can be
// read and has the given text.
var hostileFiles = []struct {
	name    string
	put     func(path, text string) error
	message string
}{
	{"a FIFO", func(path, _ string) error { return unix.Mkfifo(path, 0o600) }, "not a regular file but a FIFO"},
	{
		"a socket", func(path, _ string) error { return unix.Mknod(path, unix.S_IFSOCK|0o600, 0) },
		"not a regular file but a socket",
	},
	{"a directory", func(path, _ string) error { return os.Mkdir(path, 0o755) }, "not a regular file but a directory"},
	{
		"a link to itself", func(path, _ string) error { return os.Symlink(filepath.Base(path), path) },
		"too many levels of symbolic links",
	},
	{"a link to a FIFO", func(path, _ string) error {
		return errors.Join(unix.Mkfifo(path+".fifo", 0o600), os.Symlink("/etc/"+filepath.Base(path)+".fifo", path))
	}, "not a regular file but a FIFO"},
	{"a link out of the root", func(path, text string) error {
		return errors.Join(os.WriteFile(path+".file", []byte(text), 0o600),
			os.Symlink("../../../../../../../../etc/"+filepath.Base(path)+".file", path))
	}, ""},
	{"a sparse file", func(path, _ string) error {
		return errors.Join(os.WriteFile(path, nil, 0o600), os.Truncate(path, 8<<30))
	}, "larger than 4194304 bytes"},
	{"the most lines that are read", func(path, text string) error {
		return os.WriteFile(path, []byte(text+strings.Repeat("\n", maxUserFile-len(text))), 0o600)
	}, ""},
	{"one byte more", func(path, text string) error {
		return os.WriteFile(path, []byte(text+strings.Repeat("\n", maxUserFile-len(text)+1)), 0o600)
	}, "larger than 4194304 bytes"},
}

// readUser1000 calls readUser for user 1000. It must not block.
func readUser1000(t *testing.T, p *Process, name string) (plan.TargetProcess, error) {
	t.Helper()
	s := plan.TargetProcess{Spec: plan.Spec{UID: 1000}}
	done := make(chan error, 1)
	go func() { done <- p.readUser(&s, name, nil) }()
	select {
	case err := <-done:
		return s, err
	case <-time.After(time.Minute):
		t.Fatal("it hangs")
		return s, nil
	}
}

// Without a name to look up, the plan decides whether passwd is needed.
func TestHostilePasswd(t *testing.T) {
	for _, row := range hostileFiles {
		t.Run(row.name, func(t *testing.T) {
			p := procDir(t, map[string]string{"root/etc/group": ""})
			if err := row.put(filepath.Join(p.dir.Name(), "root/etc/passwd"), inside1000); err != nil {
				t.Fatal(err)
			}
			got, err := readUser1000(t, p, "")
			if err != nil {
				t.Errorf("readUser fails: %v", err)
			}
			home := ""
			if row.message == "" {
				home = "/inside"
			}
			if got.Account.Home != home {
				t.Errorf("home %q, want %q", got.Account.Home, home)
			}
			checkRefusal(t, got.AccountErr, "its /etc/passwd: ", row.message)
		})
	}
}

func TestHostileFilesOfANamedUser(t *testing.T) {
	for _, file := range []string{"passwd", "group"} {
		for _, row := range hostileFiles {
			t.Run(file+" is "+row.name, func(t *testing.T) {
				p := procDir(t, map[string]string{"root/bin/sh": ""})
				etc := filepath.Join(p.dir.Name(), "root/etc")
				write(t, filepath.Join(etc, "passwd"), inside1000)
				write(t, filepath.Join(etc, "group"), "")
				text := map[string]string{"passwd": inside1000, "group": "audio:x:29:web\n"}[file]
				path := filepath.Join(etc, file)
				if err := errors.Join(os.Remove(path), row.put(path, text)); err != nil {
					t.Fatal(err)
				}
				got, err := readUser1000(t, p, "web")
				checkRefusal(t, err, `user "web": `, row.message)
				if err == nil && (got.Spec.GID != 1000 || got.Account.Home != "/inside") {
					t.Errorf("it is %+v, %+v", got.Spec, got.Account)
				}
			})
		}
	}
}

func TestPasswdWithAnEndlessLine(t *testing.T) {
	p := procDir(t, map[string]string{"root/etc/passwd": "web:" + strings.Repeat("x", 1<<20)})
	got, err := readUser1000(t, p, "")
	if err != nil {
		t.Errorf("readUser fails: %v", err)
	}
	checkRefusal(t, got.AccountErr, "its /etc/passwd: ", "token too long")
	_, err = readUser1000(t, p, "web")
	checkRefusal(t, err, `user "web": `, "token too long")
}

// checkRefusal checks that err has the given form, or is nil if message is "".
func checkRefusal(t *testing.T, err error, prefix, message string) {
	t.Helper()
	switch {
	case message == "" && err != nil:
		t.Errorf("refused: %v", err)
	case message != "" && (!strings.HasPrefix(text(err), prefix) || !strings.Contains(text(err), message)):
		t.Errorf("%v, want %s…%s", err, prefix, message)
	}
}
