package toolbox

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"
	"golang.org/x/sys/unix"
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
	if err := writeProgram(filepath.Join(dir, "toolbox"), r, size); err != nil {
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

// writeProgram writes a file that can be executed at once. If a child of another test were between fork and exec meanwhile, it
// would have the file open, and the kernel would not execute it.
func writeProgram(name string, r io.Reader, size int64) error {
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	file, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE, 0o755) //nolint:gosec // a program
	if err != nil {
		return err
	}
	n, err := io.Copy(file, r)
	if err == nil && n != size {
		err = fmt.Errorf("%d bytes, want %d", n, size)
	}
	return errors.Join(err, file.Close())
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

// prompt is what the shell prints before a line, as root or not.
const prompt = `web:\S* [#$] `

const (
	left, up, down = "\x1b[D", "\x1b[A", "\x1b[B"
	home, end      = "\x1b[H", "\x1b[F"
)

func TestShellEditsLines(t *testing.T) {
	s := start(t, unpack(t), t.TempDir(), "sh")
	s.expect(prompt)
	for _, row := range []struct{ keys, printed string }{
		{"echo one two\r", `\none two\r\n`},
		{"echo abd" + left + "c\r", `\nabcd\r\n`},
		{"echo abx\x7fc\r", `\nabc\r\n`},                       // backspace
		{"cho first" + home + "e\r", `\nfirst\r\n`},            // home
		{"cho second\x01e\x05ly\r", `\nsecondly\r\n`},          // ^A and ^E
		{"echo three four\x17five\r", `\nthree five\r\n`},      // ^W removes a word
		{"nonsense\x15echo line\r", `\nline\r\n`},              // ^U removes what is before the cursor
		{"echo rest" + home + "\x0becho kill\r", `\nkill\r\n`}, // ^K removes what is behind it
		{"echo a\\\r", `\n> `},
		{"b\r", `\nab\r\n`},
		{"for i in 1 2; do\r", `\n> `},
		{"echo \"<$i>\"; done\r", `\n<1>\r\n<2>\r\n`},
		{"echo 'a\r", `\n> `},
		{"b'\r", `\na\r\nb\r\n`},
		{"if\x03", prompt},
		{"echo $?\r", `\n130\r\n`},
		{"false\recho $?\r", `\n1\r\n`},
		{"nonsense\r", `\nnonsense: not found\r\n`},
		{"echo $?\r", `\n127\r\n`},
		{"cd /\rpwd\r", `\n/\r\n`},
	} {
		s.send(row.keys)
		s.expect(row.printed)
	}
	s.send("exit 7\r")
	if status := s.ended(); status != 7 {
		t.Errorf("exit status %d, want 7", status)
	}
}

func TestShellHistory(t *testing.T) {
	dir := t.TempDir()
	s := start(t, unpack(t), dir, "sh")
	s.expect(prompt)
	s.send("echo first\r")
	s.expect(`\nfirst\r\n` + prompt)
	s.send("echo second\r")
	s.expect(`\nsecond\r\n` + prompt)
	s.send(up + up + "\r")
	s.expect(`\nfirst\r\n` + prompt)
	s.send(up + up + down + "x\r")
	s.expect(`\nfirstx\r\n` + prompt)
	s.send("\x12sec\r") // ^R searches
	s.expect(`\nsecond\r\n` + prompt)
	s.send("history\r")
	s.expect(` 1  echo first\r\n +2  echo second\r\n`)
	s.expect(prompt)
	s.send("\x04")
	s.expect("exit")
	s.ended()
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) > 0 {
		t.Errorf("the shell left %v, %v", entries, err)
	}
}

func TestShellCompletes(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"alpha file", "beta1", "beta2", "\x1b[31mred", ".hidden", "zz⏎id", "gamma␉x"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(dir, "folder"), 0o700); err != nil {
		t.Fatal(err)
	}
	s := start(t, unpack(t), dir, "sh")
	s.expect(prompt)
	for _, row := range []struct{ keys, printed string }{
		{"echo al\t\r", `\nalpha file\r\n`},
		{"echo be\t1\r", `\nbeta1\r\n`},
		{"echo fo\tx\r", `\nfolder/x\r\n`},
		{"whoa\t | wc -l\r", `\n1\r\n`},
		{"echo $NSJOIN_NA\t\r", `\nweb\r\n`},
		{"echo ./.hid\t\r", `\n\./\.hidden\r\n`},
		{"echo zz\t\x7fy\r", `\nzy\r\n`}, // the name would be two lines
		{"echo gam\t\x7fy\r", `\ngay\r\n`},
		{"echo a⏎b␉c\r", `\nabc\r\n`},
		{"\x1b[200~echo d⏎e␉f\x1b[201~\r", `\ndef\r\n`},
	} {
		s.send(row.keys)
		s.expect(row.printed)
		s.expect(prompt)
	}
	s.send("ls \t\t")
	shown := s.expect(`folder/`)
	if strings.Contains(shown, "red") || strings.Contains(shown, "hidden") {
		t.Errorf("completion shows %q", shown)
	}
}

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
		is := func(p descendant) bool { return p.line == command && p.foreground || p.line+" &" == command }
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
			list = append(list, p)
			list = append(list, below(child)...)
		}
	}
	return list
}

func TestShellInterrupts(t *testing.T) {
	s := start(t, unpack(t), t.TempDir(), "sh")
	s.expect(prompt)
	for _, row := range []struct {
		command  string
		programs []string // that it runs
	}{
		{"sleep 100", []string{"sleep 100"}},
		{"while true; do sleep 0.05; done", []string{"sleep 0.05"}},
		{"while :; do :; done", nil},
		{"cat", []string{"cat"}},
		{"sleep 100 | cat", []string{"sleep 100", "cat"}},
		{"sh -c 'sleep 100'", []string{"sleep 100"}},
		{"tail -f /dev/null", []string{"tail -f /dev/null"}},
	} {
		s.send(row.command + "; echo not reached\r")
		s.awaitCommand()
		s.awaitPrograms(row.programs...)
		s.send("\x03")
		if printed := s.expect(`\n` + prompt); regexp.MustCompile(`(?m)^(\^C)?not reached`).MatchString(printed) {
			t.Errorf("%s: the rest of the line is run: %q", row.command, printed)
		}
		s.send("echo $?\r")
		s.expect(`\n130\r\n` + prompt)
	}
	// A program that catches SIGINT goes on, and the shell waits for it.
	s.send("sh -c 'trap \"echo caught; exit 3\" INT; sleep 100; echo done'\r")
	s.awaitCommand()
	s.awaitPrograms("sleep 100") // it has set its trap
	s.send("\x03")
	s.expect(prompt)
	// Neither ^Z nor ^\ ends the shell.
	s.send("sleep 0.3\r\x1a\x1c")
	s.expect(prompt)
	s.send("echo alive\r")
	s.expect(`\nalive\r\n`)
}

func TestShellKnowsTheWindow(t *testing.T) {
	s := start(t, unpack(t), t.TempDir(), "sh")
	s.expect(prompt)
	s.send("stty size\r")
	s.expect(`\n24 80\r\n` + prompt)
	if err := pty.Setsize(s.File, &pty.Winsize{Rows: 30, Cols: 40}); err != nil {
		t.Fatal(err)
	}
	s.send("stty size\r")
	s.expect(`\n30 40\r\n` + prompt)
	long := strings.Repeat("0123456789", 12) // several lines of the terminal
	s.send("echo " + long + home + strings.Repeat("\x1b[C", 5) + "x" + end + "y\r")
	s.expect(`\nx` + long + `y\r\n`)
	// A prompt that would leave no room for a line is shortened, so that lines can be edited.
	s.expect(prompt)
	deep := strings.Repeat("d", 20)
	s.send("mkdir " + deep + " && cd " + deep + "\r")
	s.expect(`\n[#$] `)
	s.send("cho edited" + home + "e\r")
	s.expect(`\nedited\r\n`)
	s.send("cd /\r")
	s.expect(`\nweb:/ [#$] `)
}

func TestShellInTmux(t *testing.T) {
	p := inPane(t, t.TempDir(), "screen", "exec sh", "NSJOIN_NAME=web", "PATH="+unpack(t))
	p.shows(`^web:\S* [#$]`)
	p.types("echo abd<Left>c<Enter>")
	p.shows(`(?m)^abcd$`)
	p.types("<Up><Home><Delete><Delete><Delete><Delete>printf<Enter>")
	p.shows(`(?m)^abcdweb`)
	p.types("<C-c>")
	p.types("clear<Enter>stty size<Enter>")
	p.shows(`(?m)^24 80$`)
}

func TestEditor(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, []byte("first\nsecond\nthird\n"), 0o640); err != nil { //nolint:gosec // the mode is kept
		t.Fatal(err)
	}
	s := start(t, unpack(t), dir, "edit", "file")
	s.expect("third")
	s.send("new " + down + end + "!\r" + "added" + down + home + "\x0b\x1bu\x17sec\r\x0b\x15\x13")
	s.expect("Wrote 4 lines")
	s.send("\x18")
	if status := s.ended(); status != 0 {
		t.Errorf("exit status %d, want 0", status)
	}
	text, err := os.ReadFile(file)
	if want := "new first\nsecond!\nadded\nthird\n"; err != nil || string(text) != want {
		t.Errorf("the file has %q, %v; want %q", text, err, want)
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o640 {
		t.Errorf("the file is %v, %v; want mode 640", info.Mode(), err)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 1 {
		t.Errorf("the editor left %v, %v", entries, err)
	}
}

func TestPager(t *testing.T) {
	dir := t.TempDir()
	var text strings.Builder
	for i := range 500 {
		text.WriteString("line " + strings.Repeat("x", i%7) + "\n")
	}
	text.WriteString("the end\n")
	if err := os.WriteFile(filepath.Join(dir, "file"), []byte(text.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	s := start(t, unpack(t), dir, "less", "file")
	s.expect("line xxx")
	s.send("G")
	s.expect("the end")
	s.send("q")
	if status := s.ended(); status != 0 {
		t.Errorf("exit status %d, want 0", status)
	}
}

func TestTop(t *testing.T) {
	s := start(t, unpack(t), t.TempDir(), "top")
	s.expect("Tasks: ")
	s.expect("PID USER")
	s.send("M")
	s.send("q")
	if status := s.ended(); status != 0 {
		t.Errorf("exit status %d, want 0", status)
	}
}
