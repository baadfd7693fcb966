package toolbox

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/creack/pty"

	"github.com/nsjoin/docker-nsjoin/pkg/tmuxtest"
)

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

// stty prints as the machine's own does, at the same terminal.
func TestSttyAsTheMachinesOwn(t *testing.T) {
	s := start(t, unpack(t), t.TempDir(), "sh")
	s.expect(prompt)
	for _, setting := range []string{"", "-echo -icanon min 3 time 1", "sane", "rows 30 cols 50 intr ^X -ixon", "raw", "-raw echo", "sane"} {
		s.send("stty " + setting + "; for i in -a '' -g; do stty $i >mine; /bin/stty $i >theirs; diff theirs mine && echo same; done; stty sane; echo en\"\"d\r")
		if shown := s.expect(`(?m)^end\r\n`); len(regexp.MustCompile(`(?m)^same`).FindAllString(shown, -1)) != 3 {
			t.Errorf("after stty %s: %s", setting, shown)
		}
	}
}

func TestShellInTmux(t *testing.T) {
	p := tmuxtest.Start(t, t.TempDir(), "screen", "exec sh", "NSJOIN_NAME=web", "PATH="+unpack(t))
	p.Shows(`^web:\S* [#$]`)
	p.Types("echo abd<Left>c<Enter>")
	p.Shows(`(?m)^abcd$`)
	p.Types("<Up><Home><Delete><Delete><Delete><Delete>printf<Enter>")
	p.Shows(`(?m)^abcdweb`)
	p.Types("<C-c>")
	p.Types("clear<Enter>stty size<Enter>")
	p.Shows(`(?m)^24 80$`)
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
