//go:build linux

package dataroot

import (
	"bufio"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

const (
	id      = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
	another = 1000 // the uid of another user
)

// engineFiles makes the data root of an engine with one container.
func engineFiles(t *testing.T) (dir string) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root")
	}
	dir = filepath.Join(t.TempDir(), "docker")
	must(t, os.MkdirAll(filepath.Join(dir, "containers", id), 0o710))
	must(t, os.WriteFile(filepath.Join(dir, "containers", id, "config.v2.json"), []byte("{}"), 0o600))
	return dir
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func host(t *testing.T) *os.File {
	t.Helper()
	f, err := os.Open("/")
	must(t, err)
	t.Cleanup(func() { f.Close() })
	return f
}

// TestHostileFilesAreRefused checks that nothing is read that others than root could have placed.
func TestHostileFilesAreRefused(t *testing.T) {
	file := func(dir string) string { return filepath.Join(dir, "containers", id, "config.v2.json") }
	for _, row := range []struct {
		name    string
		change  func(dir string) error
		refused bool
	}{
		{"as an engine has them", func(string) error { return nil }, false},
		{"the directory is writable to all", func(dir string) error { return os.Chmod(dir, 0o777) }, true},
		{"the directory is another user's", func(dir string) error { return os.Chown(dir, another, 0) }, true},
		{"the directory above is another user's", func(dir string) error { return os.Chown(filepath.Dir(dir), another, 0) }, true},
		{"a group may write", func(dir string) error { return errors.Join(os.Chown(dir, 0, another), os.Chmod(dir, 0o770)) }, true},
		{"the container's directory is another user's", func(dir string) error {
			return os.Chown(filepath.Dir(file(dir)), another, 0)
		}, true},
		{"the containers' directory is a link of another user", func(dir string) error {
			old := filepath.Join(dir, "containers")
			return errors.Join(os.Rename(old, old+".old"), os.Symlink(old+".old", old), os.Lchown(old, another, another))
		}, true},
		{"the containers' directory is a link of root", func(dir string) error {
			old := filepath.Join(dir, "containers")
			return errors.Join(os.Rename(old, old+".old"), os.Symlink("containers.old", old))
		}, false},
		{"the file is another user's", func(dir string) error { return os.Chown(file(dir), another, 0) }, true},
		{"the file is writable to all", func(dir string) error { return os.Chmod(file(dir), 0o666) }, true},
		{"the file is a link", func(dir string) error {
			return errors.Join(os.Rename(file(dir), file(dir)+".old"), os.Symlink(file(dir)+".old", file(dir)))
		}, true},
		{"the file is a pipe that nobody writes to", func(dir string) error {
			return errors.Join(os.Remove(file(dir)), unix.Mkfifo(file(dir), 0o600))
		}, true},
		{"the file is larger than the limit", func(dir string) error { return os.Truncate(file(dir), maxFile+1) }, true},
	} {
		t.Run(row.name, func(t *testing.T) {
			dir := engineFiles(t)
			must(t, row.change(dir))
			r, err := openRoot(host(t), dir)
			var text []byte
			if err == nil {
				defer r.Close()
				_, err = r.IDs()
				must(t, err)
				text, err = r.Read(id, "config.v2.json")
			}
			if row.refused != (err != nil) || err == nil && string(text) != "{}" {
				t.Errorf("%q, %v", text, err)
			}
		})
	}
}

func TestContainersOfAUserNamespaceAreFound(t *testing.T) {
	dir := engineFiles(t)
	mapped := strings.Replace(id, "0", "f", 1)
	must(t, os.MkdirAll(filepath.Join(dir, "165536.165536", "containers", mapped), 0o710))
	must(t, os.Mkdir(filepath.Join(dir, "containers", "no-id"), 0o700))
	r, err := openRoot(host(t), dir)
	must(t, err)
	defer r.Close()
	ids, err := r.IDs()
	if err != nil || len(ids) != 2 || ids[0] != id || ids[1] != mapped {
		t.Errorf("%v, %v", ids, err)
	}
}

// fakeEngine is the socket that this test's executable listens on when it runs as a fake dockerd.
const fakeEngine = "NSJOIN_TEST_FAKE_ENGINE"

func TestMain(m *testing.M) {
	if socket := os.Getenv(fakeEngine); socket != "" {
		listener, err := net.Listen("unix", socket)
		if err != nil {
			os.Stdout.WriteString(err.Error() + "\n")
			return
		}
		defer listener.Close()
		os.Stdout.WriteString("listens\n")
		_, _ = os.Stdin.Read(make([]byte, 1))
		return
	}
	os.Exit(m.Run())
}

// listens starts this test's executable under the given name and with the given attributes, and stops it by
// SIGSTOP once it listens.
func listens(t *testing.T, name, socket string, attributes *syscall.SysProcAttr, args ...string) {
	t.Helper()
	program := filepath.Join(t.TempDir(), name)
	must(t, os.Chmod(filepath.Dir(program), 0o755))
	text, err := os.ReadFile(os.Args[0])
	must(t, err)
	must(t, os.WriteFile(program, text, 0o755))
	cmd := exec.Command(program, args...)
	cmd.Env, cmd.SysProcAttr = []string{fakeEngine + "=" + socket}, attributes
	out, err := cmd.StdoutPipe()
	must(t, err)
	_, err = cmd.StdinPipe()
	must(t, err)
	must(t, cmd.Start())
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	if line, err := bufio.NewReader(out).ReadString('\n'); line != "listens\n" {
		t.Fatalf("it says %q, %v", line, err)
	}
	must(t, cmd.Process.Signal(unix.SIGSTOP))
}

// The kernel knows the listener even if it does not answer, and its command line names the data root.
// TestHostileEngineIsRefused has the processes that only look like an engine.
func TestStoppedEngineIsFound(t *testing.T) {
	dir := engineFiles(t)
	socket := filepath.Join(t.TempDir(), "docker.sock")
	listens(t, "dockerd", socket, nil, "--data-root", dir)
	r, err := Open(socket, "")
	if err != nil || r.Path != dir {
		t.Fatalf("%+v, %v", r, err)
	}
	r.Close()
}

func TestEngineWithAConfigurationFile(t *testing.T) {
	dir := engineFiles(t)
	socket := filepath.Join(t.TempDir(), "docker.sock")
	config := filepath.Join(t.TempDir(), "daemon.json")
	must(t, os.WriteFile(config, []byte(`{"data-root": "`+dir+`"}`), 0o644))
	listens(t, "dockerd", socket, nil, "--config-file="+config)
	r, err := Open(socket, "")
	if err != nil || r.Path != dir {
		t.Fatalf("%+v, %v", r, err)
	}
	r.Close()
	must(t, os.Chown(config, another, 0))
	if r, err := Open(socket, ""); err == nil {
		t.Errorf("another user's configuration leads to %s", r.Path)
	}
}

func TestHostileEngineIsRefused(t *testing.T) {
	user := &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: another, Gid: another}}
	namespace := &syscall.SysProcAttr{
		Cloneflags:  unix.CLONE_NEWUSER,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: 0, Size: 1}}, GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: 0, Size: 1}},
	}
	for _, row := range []struct {
		name, program string
		attributes    *syscall.SysProcAttr
		prepare       func(dir string) error // before the program listens
		then          func(socket string) error
		want          string
	}{
		{"a user's directory", "dockerd", nil, nil, func(socket string) error { return os.Chown(filepath.Dir(socket), another, 0) }, errUntrusted.Error()},
		{"a user's engine", "dockerd", user, func(dir string) error { return unix.Chmod(dir, 0o1777) }, nil, errUntrusted.Error()},
		{
			"a user's process behind root's socket", "dockerd", user, func(dir string) error { return unix.Chmod(dir, 0o1777) },
			func(socket string) error { return os.Chown(socket, 0, 0) }, "no engine of this host listens",
		},
		{"another program", "podman", nil, nil, nil, "no engine of this host listens"},
		{"another user namespace", "dockerd", namespace, nil, nil, "no engine of this host listens"},
		{"no socket", "dockerd", nil, nil, func(socket string) error {
			return errors.Join(os.Remove(socket), os.WriteFile(socket, nil, 0o600))
		}, "not a socket"},
	} {
		t.Run(row.name, func(t *testing.T) {
			dir := engineFiles(t)
			socket := filepath.Join(t.TempDir(), "docker.sock")
			if row.prepare != nil {
				must(t, row.prepare(filepath.Dir(socket)))
				must(t, os.Chmod(filepath.Dir(filepath.Dir(socket)), 0o755))
			}
			listens(t, row.program, socket, row.attributes, "--data-root", dir)
			if row.then != nil {
				must(t, row.then(socket))
			}
			if r, err := Open(socket, ""); err == nil || !strings.Contains(err.Error(), row.want) {
				t.Errorf("%+v, %v; want %q", r, err, row.want)
			}
		})
	}
}

func TestDataRootIsNamedIfNothingListens(t *testing.T) {
	dir := engineFiles(t)
	socket := filepath.Join(t.TempDir(), "docker.sock")
	if r, err := Open(socket, ""); err == nil {
		t.Errorf("without a listener or --data-root it finds %s", r.Path)
	}
	r, err := Open(socket, dir)
	if err != nil || r.Path != dir {
		t.Fatalf("%+v, %v", r, err)
	}
	r.Close()
}
