package toolbox

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"
	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/pkg/tmuxtest"
)

// editors are sessions that leave the same file behind in nano and in the toolbox's editor.
var editors = []struct{ name, text, keys, want string }{
	{"a new file", "", "one<Enter>two<C-o><Enter><C-x>", "one\ntwo\n"},
	{"save when leaving", "a\nb\n", "x<C-x>y<Enter>", "xa\nb\n"},
	{"leave without saving", "a\nb\n", "x<C-x>n", "a\nb\n"},
	{"go on", "a\nb\n", "x<C-x><C-c>y<C-x>y<Enter>", "xya\nb\n"},
	{"arrows", "a\nb\nc\n", "<Down>1<Down><Home>2<End>3<Up><Left><BSpace>4<C-o><Enter><C-x>", "a\n4b\n2c3\n"},
	{"cut and paste", "a\nb\nc\nd\n", "<C-k><C-k><Down><C-u><C-o><Enter><C-x>", "c\na\nb\nd\n"},
	{"copy", "a\nb\nc\n", "<M-6><Down><C-u><C-o><Enter><C-x>", "a\nb\na\nc\n"},
	{"undo and redo", "a\nb\n", "x<Down>y<M-u><M-u><M-e><C-o><Enter><C-x>", "xa\nb\n"},
	{"undo after saving", "a\n", "x<C-o><Enter><M-u><C-x>y<Enter>", "a\n"},
	{"search", "one\ntwo\nthree two\n", "<C-w>two<Enter>1<C-w><Enter>2<C-o><Enter><C-x>", "one\n1two\nthree 2two\n"},
	{"next place", "a x\nb x\nc x\n", "<C-w>x<Enter><M-w>!<C-o><Enter><C-x>", "a x\nb !x\nc x\n"},
	{"search backwards", "x\na\nx\nb\n", "<M-/><C-q>x<Enter>!<C-o><Enter><C-x>", "x\na\n!x\nb\n"},
	{"replace", "a b a\nb a\n", "<C-\\>a<Enter>cc<Enter>a<C-o><Enter><C-x>", "cc b cc\nb cc\n"},
	{"replace some", "a a a\n", "<C-\\>a<Enter>b<Enter>nyn<C-o><Enter><C-x>", "a b a\n"},
	{"a line's number", "a\nb\nc\n", "<C-_>3<Enter>x<C-_>2,2<Enter>y<C-o><Enter><C-x>", "a\nby\nxc\n"},
	{"delete", "abc\ndef\n", "<Right><C-d><DC><C-d><C-o><Enter><C-x>", "adef\n"},
	{"words", "one two three\n", "<C-Right>x<C-Right>y<C-Left>z<C-o><Enter><C-x>", "one xtwo zythree\n"},
	{"tabs", "\ta\n", "<Tab>x<Right>y<C-o><Enter><C-x>", "\tx\tya\n"},
	{"wide characters", "日本語\né\n", "<Right><Right><BSpace>x<Down>y<C-o><Enter><C-x>", "日x語\néy\n"},
	{"CR and LF", "a\r\nb\r\n", "x<Down><End>y<C-o><Enter><C-x>", "xa\r\nby\r\n"},
	{"the begin", "a\nb\nc\n", "<Down>x<M-\\>y<C-o><Enter><C-x>", "ya\nxb\nc\n"},
	{"letters of the keypad", "abc\ndef\n", "<C-n><C-f>x<C-p><C-b>y<C-e>z<C-a>w<C-o><Enter><C-x>", "waybcz\ndxef\n"},
	{"saving at once", "a\n", "x<C-s><C-x>", "xa\n"},
}

// TestEditorAsNano types the same in nano, if the machine has it.
func TestEditorAsNano(t *testing.T) {
	bin := unpack(t)
	for _, session := range editors {
		for _, program := range []string{"edit", "nano"} {
			t.Run(session.name+"/"+program, func(t *testing.T) {
				t.Parallel()
				edited(t, bin, program, session.text, session.keys, session.want)
			})
		}
	}
}

// edited types keys in an editor, and checks what the file has then.
func edited(t *testing.T, bin, program, text, keys, want string) {
	t.Helper()
	line := bin + "/edit file"
	if program == "nano" {
		if _, err := exec.LookPath("nano"); err != nil {
			t.Skip("nano is not installed")
		}
		line = "nano --ignorercfiles file"
	}
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if text != "" {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	p := tmuxtest.Start(t, dir, "screen-256color", line, "PATH="+os.Getenv("PATH"))
	p.Shows(`\^X|new file`)
	p.Types(keys)
	p.Shows(`status 0`)
	got, err := os.ReadFile(file)
	if err != nil || string(got) != want {
		t.Errorf("the file has %q, %v; want %q", got, err, want)
	}
}

// edits starts the editor for a file with a text.
func edits(t *testing.T, text string) (s *terminal, file string) {
	t.Helper()
	dir := t.TempDir()
	file = filepath.Join(dir, "file")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	s = start(t, unpack(t), dir, "edit", "file")
	s.expect(`\^G help`)
	return s, file
}

// holds checks what a file has, and that nothing else is beside it.
func holds(t *testing.T, file, want string) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil || string(text) != want {
		t.Errorf("the file has %q, %v; want %q", text, err, want)
	}
	if entries, err := os.ReadDir(filepath.Dir(file)); err != nil || len(entries) != 1 {
		t.Errorf("beside the file are %v, %v", entries, err)
	}
}

// A file that another program has changed is not written over unasked.
func TestEditorOfAFileThatChanges(t *testing.T) {
	for _, row := range []struct{ command, answer, want string }{
		{"echo more >>file", "n", "a\nmore\n"},
		{"echo more >>file", "y", "xa\n"},
		{"echo new >other; mv other file", "n", "new\n"},
		{"echo new >other; mv other file", "y", "xa\n"},
		{"rm file", "", "xa\n"},
	} {
		s, file := edits(t, "a\n")
		s.send("x")
		s.expect("x")
		if err := exec.Command("sh", "-c", "cd "+filepath.Dir(file)+"; "+row.command).Run(); err != nil {
			t.Fatal(err)
		}
		s.send("\x13")
		if row.answer != "" {
			s.expect("Another program has changed the file")
			s.send(row.answer)
		}
		if row.answer == "n" {
			s.expect(`\^G help`)
			s.send("\x18n")
		} else {
			s.expect("Wrote 1 lines")
			s.send("\x18")
		}
		if status := s.ended(); status != 0 {
			t.Errorf("%s: status %d", row.command, status)
		}
		holds(t, file, row.want)
	}
}

// A file that its user may not write is not replaced, and the text is not lost.
func TestEditorOfAFileThatCannotBeWritten(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("root gives the rights up")
	}
	bin := unpack(t)
	dir, err := os.MkdirTemp("/tmp", "edit") //nolint:usetesting // in a directory that all may enter
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, []byte("a\n"), 0o444); err != nil { //nolint:gosec // for all
		t.Fatal(err)
	}
	for _, path := range []string{dir, file} {
		if err := os.Chown(path, 1000, 1000); err != nil {
			t.Fatal(err)
		}
	}
	program := filepath.Join(dir, "toolbox")
	if out, err := exec.Command("cp", "-L", filepath.Join(bin, "edit"), program).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	cmd := exec.Command(program, "edit", "file")
	cmd.Dir, cmd.Env = dir, []string{"TERM=xterm"}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 1000, Gid: 1000}}
	s := startAt(t, cmd, &pty.Winsize{Rows: 24, Cols: 80})
	s.expect("the file can't be written")
	s.send("x\x13")
	s.expect("permission denied")
	s.send("\x0f\x15other\r")
	s.expect("Wrote 1 lines")
	s.send("\x18")
	s.ended()
	if text, err := os.ReadFile(file); string(text) != "a\n" || err != nil {
		t.Errorf("the file has %q, %v", text, err)
	}
	if text, err := os.ReadFile(filepath.Join(dir, "other")); string(text) != "xa\n" || err != nil {
		t.Errorf("the other file has %q, %v", text, err)
	}
}

// A text that is pasted is text, whatever is in it.
func TestEditorPastes(t *testing.T) {
	s, file := edits(t, "a\nb\n")
	s.send("\x1b[200~one\rtwo\x18\x0b\tthree\r\x1b[201~")
	s.expect("two")
	s.send("\x1bu\x1be\x13")
	s.expect("Wrote 4 lines")
	s.send("\x18")
	s.ended()
	holds(t, file, "one\ntwo\x18\x0b\tthree\na\nb\n")
}

// When its terminal is gone, or it is told to end, the editor leaves the file as it is.
func TestEditorHangsUp(t *testing.T) {
	for _, signal := range []unix.Signal{unix.SIGHUP, unix.SIGTERM} {
		s, file := edits(t, "a\n")
		s.send("x\x18") // it asks whether the text is to be saved
		s.expect("Save modified buffer")
		if err := s.cmd.Process.Signal(signal); err != nil {
			t.Fatal(err)
		}
		if status := s.ended(); status != 1 {
			t.Errorf("%v: status %d", signal, status)
		}
		holds(t, file, "a\n")
	}
}

// Over a slow link, each byte counts.
func TestEditorSendsLittle(t *testing.T) {
	text := strings.Repeat(strings.Repeat("word ", 15)+"\n", 100)
	s, _ := edits(t, text)
	for _, row := range []struct {
		keys  string
		shown string // what is sent at last
		most  int    // bytes
	}{
		{"\x1b[C", `\x1b\[1;2H$`, 10},
		{"\x1b[F", `\x1b\[1;76H$`, 10},
		{"x", `\x1b\[1;77H$`, 40}, // the sign for a changed text comes with it
		{"y", `\x1b\[1;78H$`, 20},
		{"\x1b[B", `\x1b\[2;76H$`, 40},
		{"\x16", `\x1b\[\d+;76H$`, 2500}, // a page
		{"\x1b[B\x1b[B\x1b[B", `\x1b\[\d+;76H$`, 800},
	} {
		n := s.sent(row.keys, row.shown)
		if n > row.most {
			t.Errorf("%q: %d bytes, more than %d", row.keys, n, row.most)
		}
	}
}

// sent types keys, and returns how many bytes are printed until they end with a pattern.
func (s *terminal) sent(keys, shown string) int {
	s.t.Helper()
	s.mu.Lock()
	s.text.Reset()
	s.mu.Unlock()
	s.send(keys)
	re := regexp.MustCompile(shown)
	for deadline := time.Now().Add(patience); ; time.Sleep(time.Millisecond) {
		s.mu.Lock()
		text := s.text.String()
		s.mu.Unlock()
		if re.MatchString(text) {
			return len(text)
		}
		if time.Now().After(deadline) {
			s.t.Fatalf("%q is not printed; there is %q", shown, text)
		}
	}
}
