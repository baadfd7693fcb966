//go:build linux

package observe

import (
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// procDir makes a process of a directory that stands for its /proc/PID, for
// what no process can be made to have: a cgroup hierarchy, a label, a root.
func procDir(t *testing.T, files map[string]string) *Process {
	t.Helper()
	path := t.TempDir()
	for name, text := range files {
		write(t, filepath.Join(path, name), text)
	}
	dir, err := openDir(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { dir.Close() })
	return &Process{PID: os.Getpid(), dir: dir}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o755); err != nil {
		t.Fatal(err)
	}
}

// running is a child that ends when its standard input does, so that it doesn't
// outlive the test.
func running(t *testing.T, name string, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(name, args...)
	start(t, cmd)
	return cmd
}

func start(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	// cat gives it back once it runs, and a shell once it has read it.
	if _, err := io.WriteString(stdin, "ready\n"); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(stdout, make([]byte, len("ready\n"))); err != nil {
		t.Fatal(err)
	}
}

// end ends a child; its number is free then.
func end(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
}

// zombie is a child that has ended and was not waited for.
func zombie(t *testing.T) int {
	t.Helper()
	cmd := running(t, "cat")
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := unix.Waitid(unix.P_PID, cmd.Process.Pid, nil, unix.WEXITED|unix.WNOWAIT, nil); err != nil {
		t.Fatal(err)
	}
	return cmd.Process.Pid
}

func hold(t *testing.T, pid int) *Process {
	t.Helper()
	p, err := Hold(pid)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		p.Pidfd.Close()
		p.dir.Close()
		for _, f := range p.Namespaces {
			f.Close()
		}
	})
	return p
}
