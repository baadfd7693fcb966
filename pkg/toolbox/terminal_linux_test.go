package toolbox

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/creack/pty"
	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/pkg/exectest"
)

// unpack writes the program and its links to a directory, and returns the directory.
func unpack(t *testing.T) string {
	t.Helper()
	r, size, err := Open(runtime.GOARCH)
	if err != nil {
		t.Skipf("%v: make toolbox builds it", err)
	}
	defer r.Close()
	dir := t.TempDir()
	if err := exectest.Copy(filepath.Join(dir, "toolbox"), r, size); err != nil {
		t.Fatal(err)
	}
	bin := filepath.Join(dir, "bin")
	if err := os.Mkdir(bin, 0o755); err != nil { //nolint:gosec // for all
		t.Fatal(err)
	}
	for _, name := range Names(runtime.GOARCH) {
		if err := os.Symlink("../toolbox", filepath.Join(bin, name)); err != nil {
			t.Fatal(err)
		}
	}
	return bin
}

// terminal is a shell at a pseudo-terminal.
type terminal struct {
	*os.File
	t    *testing.T
	cmd  *exec.Cmd
	mu   sync.Mutex
	text bytes.Buffer // what was printed and not yet expected
}

// start starts a command of the toolbox at a terminal of 24 lines and 80 columns.
func start(t *testing.T, bin, dir string, args ...string) *terminal {
	t.Helper()
	cmd := exec.Command(filepath.Join(bin, args[0]), args[1:]...)
	cmd.Dir = dir
	cmd.Env = []string{"PATH=" + bin, "TERM=xterm", "NSJOIN_NAME=web", "HOME=/nonexistent"}
	return startAt(t, cmd, &pty.Winsize{Rows: 24, Cols: 80})
}

// startAt starts a command at a terminal.
func startAt(t *testing.T, cmd *exec.Cmd, size *pty.Winsize) *terminal {
	t.Helper()
	file, err := pty.StartWithSize(cmd, size)
	if err != nil {
		t.Fatal(err)
	}
	s := &terminal{File: file, t: t, cmd: cmd}
	t.Cleanup(func() {
		for _, p := range below(cmd.Process.Pid) {
			_ = unix.Kill(p.pid, unix.SIGKILL)
		}
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		file.Close()
	})
	go func() {
		buf := make([]byte, 4096)
		for {
			n, err := file.Read(buf)
			s.mu.Lock()
			s.text.Write(buf[:n])
			s.mu.Unlock()
			if err != nil {
				return
			}
		}
	}()
	return s
}

func (s *terminal) send(keys string) {
	s.t.Helper()
	if _, err := s.WriteString(keys); err != nil {
		s.t.Fatal(err)
	}
}

// sequence is an escape sequence, such as one that moves the cursor.
var sequence = regexp.MustCompile("\x1b(\\[\\?2004l\r?|\\[[0-9;?]*[A-Za-z]|[=>])")

// expect waits until the pattern is printed, and forgets all up to its end.
func (s *terminal) expect(pattern string) string {
	s.t.Helper()
	re := regexp.MustCompile(pattern)
	for deadline := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) {
		s.mu.Lock()
		text := sequence.ReplaceAllString(s.text.String(), "")
		if at := re.FindStringIndex(text); at != nil {
			s.text.Reset()
			s.text.WriteString(text[at[1]:])
			s.mu.Unlock()
			return text[:at[1]]
		}
		s.mu.Unlock()
		if time.Now().After(deadline) {
			s.t.Fatalf("%q is not printed; there is %q", pattern, text)
		}
	}
}

// ended waits for the command's end and returns its exit status.
func (s *terminal) ended() int {
	s.t.Helper()
	done := make(chan struct{})
	go func() { _ = s.cmd.Wait(); close(done) }()
	select {
	case <-done:
	case <-time.After(time.Minute):
		s.t.Fatal("it does not end")
	}
	return s.cmd.ProcessState.ExitCode()
}

// patience is how long a program may take to do what is expected.
const patience = time.Minute

// awaitCommand waits until the shell has left the terminal to a command.
func (s *terminal) awaitCommand() {
	s.t.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) {
		mode, err := unix.IoctlGetTermios(int(s.Fd()), unix.TCGETS)
		if err == nil && mode.Lflag&unix.ICANON != 0 {
			return
		}
		if time.Now().After(deadline) {
			s.t.Fatalf("no command runs: %v", err)
		}
	}
}

// awaitPrograms waits until the shell runs programs with these command lines, in the foreground or with "&" behind them in the
// background.
func (s *terminal) awaitPrograms(commands ...string) {
	s.t.Helper()
	for _, command := range commands {
		is := func(p descendant) bool {
			return p.begun && (p.line == command && p.foreground || p.line+" &" == command)
		}
		for deadline := time.Now().Add(patience); !slices.ContainsFunc(below(s.cmd.Process.Pid), is); time.Sleep(time.Millisecond) {
			if time.Now().After(deadline) {
				s.t.Fatalf("it does not run %s, but %+v", command, below(s.cmd.Process.Pid))
			}
		}
	}
}

// descendant is a process that runs or is stopped.
type descendant struct {
	pid        int
	line       string // its command line
	foreground bool   // it is not stopped, and has the terminal
	begun      bool   // its main function, if it is a tool
}

// below returns a process's descendants.
func below(pid int) (list []descendant) {
	files, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	for _, file := range files {
		children, _ := os.ReadFile(file)
		for word := range strings.FieldsSeq(string(children)) {
			child, _ := strconv.Atoi(word)
			line, _ := os.ReadFile("/proc/" + word + "/cmdline")
			p := descendant{pid: child, line: strings.ReplaceAll(strings.TrimSuffix(string(line), "\x00"), "\x00", " ")}
			stat, _ := os.ReadFile("/proc/" + word + "/stat")
			_, after, _ := strings.Cut(string(stat), ") ") // state, parent, group, session, terminal, the terminal's group
			if fields := strings.Fields(after); len(fields) > 5 {
				p.foreground = fields[0] != "T" && fields[2] == fields[5]
			}
			p.begun = begun(word)
			list = append(list, p)
			list = append(list, below(child)...)
		}
	}
	return list
}

// begun reports whether a process is no tool, or one that has ended Go's own handling of SIGQUIT: printing all goroutines.
func begun(pid string) bool {
	program, err := os.Readlink("/proc/" + pid + "/exe")
	if err != nil || filepath.Base(program) != "toolbox" {
		return err == nil
	}
	status, _ := os.ReadFile("/proc/" + pid + "/status")
	_, after, _ := strings.Cut(string(status), "\nSigCgt:\t")
	caught, _ := strconv.ParseUint(strings.SplitN(after, "\n", 2)[0], 16, 64)
	has := func(s unix.Signal) bool { return caught&(1<<(s-1)) != 0 }
	return has(unix.SIGURG) && !has(unix.SIGQUIT) // Go's runtime catches both first
}
