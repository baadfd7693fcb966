package toolbox

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/nsjoin/docker-nsjoin/pkg/tmuxtest"
)

// look is what is typed in a pager, and what its screen shows then. What it shows is the same in the machine's own.
type look struct{ keys, shown string }

// alike types the same in a program of the machine and in the toolbox's, and compares the screens after each step.
func alike(t *testing.T, own, tool *tmuxtest.Pane, steps []look) {
	t.Helper()
	if steps[0].keys != "" { // keys that come before the program has the terminal are echoed
		own.Shows(`\S`)
		tool.Shows(`\S`)
	}
	for i, step := range steps {
		own.Types(step.keys)
		tool.Types(step.keys)
		re := regexp.MustCompile(step.shown)
		for deadline := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
			want, got := own.Screen(), tool.Screen()
			if want == got && re.MatchString(want) {
				break
			}
			if time.Now().After(deadline) {
				t.Fatalf("step %d, %q, %q: the machine's shows\n%s\nand the toolbox's\n%s", i, step.keys, step.shown, want, got)
			}
		}
	}
}

// texts writes the files that the sessions look at.
func texts(t *testing.T, dir string) {
	t.Helper()
	var lines, long strings.Builder
	for i := 1; i <= 200; i++ {
		fmt.Fprintf(&lines, "line %d\n", i)
		fmt.Fprintf(&long, "%d:%s\n", i, strings.Repeat(fmt.Sprintf(" %d", i), i%80))
	}
	for name, text := range map[string]string{
		"lines": lines.String(), "long": long.String(), "short": "one\ntwo\nthree\n", "empty": "", "unended": "one\ntwo",
		"other":    strings.Repeat("another\n", 100),
		"signs":    "tab\tx\n\ttwo\tthree\x01\x02\x1b[31mred\x1b[m\nb\x08bo\x08ol\x08ld _\x08u_\x08n\ncrlf\r\ncr\rx\n日本語 é e\u0301\n" + strings.Repeat("日本語", 30) + "\n\xff\xfe bytes\n\x7f\n",
		"binary":   strings.Repeat("\x00\x01\x02\x03\xff", 100) + "\n",
		"one line": strings.Repeat("0123456789", 1000),
		"gaps":     "a\n\n\n\nb\n\n\nc\n",
		"Capitals": strings.Repeat("x\n", 50) + "Word\nword\nWORD\n" + strings.Repeat("y\n", 50),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// pagers are sessions of less that look the same with the machine's.
var pagers = []struct {
	line  string
	steps []look
}{
	{"less lines", []look{
		{"", `(?s)^line 1\n.*\nline 23\nlines$`},
		{" ", `(?s)^line 24\n.*\n:$`},
		{"f", `^line 47\n`},
		{"b", `^line 24\n`},
		{"j", `^line 25\n`},
		{"<Enter><Down>", `^line 27\n`},
		{"kk<Up>", `^line 24\n`},
		{"d", `^line 36\n`},
		{"u", `^line 24\n`},
		{"5d", `^line 29\n`},
		{"d", `^line 34\n`},
		{"10j", `^line 44\n`},
		{"<PageDown>", `^line 67\n`},
		{"<PageUp>", `^line 44\n`},
		{"G", `(?s)^line 178\n.*\nline 200\n\(END\)$`},
		{" ", `\(END\)$`},
		{"g", `^line 1\n`},
		{"k", `^line 1\n`},
		{"50g", `^line 50\n`},
		{"120G", `^line 120\n`},
		{"<End>", `\(END\)$`},
		{"<Home>", `^line 1\n`},
		{"50p", `^line (9|1)`},
		{"ma", `\n:$`},
		{"G", `\(END\)$`},
		{"'a", `^line (9|1).*\n`},
		{"''", `\(END\)$`},
		{"199g", `\(END\)$`},
		{"q", `status 0`},
	}},
	{"less lines", []look{
		{"/line 15<Enter>", `^line 15\n`},
		{"n", `^line 150\n`},
		{"n", `^line 151\n`},
		{"N", `^line 150\n`},
		{"N", `^line 15\n`},
		{"?line 1$<Enter>", `^line 1\n`},
		{"/nosuch<Enter>", `Pattern not found  \(press RETURN\)$`},
		{"<Enter>", `\n:$`},
		{"/4.2<Enter>", `Pattern not found`},
		{"G", `\(END\)$`},
		{"?line 9<Enter>", `^line 99\n`},
		{"n", `^line 98\n`},
		{"/<Enter>", `^line 99\n`},
		{"/[<Enter>", `\(press RETURN\)$`},
	}},
	{"less -N lines", []look{
		{"", `^ +1 line 1\n`}, {"G", `\n +200 line 200\n`}, {"-N<Enter>", `\nline 200\n`}, {"g", `^line 1\n`}, {"-N<Enter>", `^ +1 line 1\n`},
	}},
	{"less long", []look{
		{"", `^1: 1\n`},
		{"30j", ``},
		{" ", ``},
		{"b", ``},
		{"40g", `^40:`},
		{"k", ``},
		{"k", ``},
		{"G", `\(END\)$`},
		{"kkk", ``},
		{"g", `^1:`},
		{"70g", `^70:`},
		{"<Right>", ``},
		{"<Right>", ``},
		{"<Left><Left>", `^70:`},
		{"-S<Enter>", `^70:`},
		{"j", `^71:`},
		{"<Right>", ``},
	}},
	{"less -S long", []look{{"", `^1: 1\n`}, {"40g", `^40:`}, {"<Right>", ``}, {"<Left>", `^40:`}, {" ", ``}, {"b", `^40:`}}},
	{"less -SN long", []look{{"", `^ +1 1: 1\n`}, {"40g", `40 40:`}, {"<Right>", ``}}},
	{"less -N long", []look{{"", `^ +1 1: 1\n`}, {"40g", `40 40:`}, {"jjj", ``}, {"kk", ``}}},
	{"less signs", []look{{"", `\^A\^BESC\[31mred`}}},
	{"less -R signs", []look{{"", `\^A\^Bred`}}},
	{"less 'one line'", []look{{"", `^0123456789`}, {"j", ``}, {"G", `\(END\)$`}, {"k", ``}, {"g", `^0123456789`}}},
	{"less lines", []look{{"&7<Enter>", `^line 7\nline 17\n`}, {"G", `\nline 197\n`}, {"k", ``}, {"&<Enter>", ``}, {"g", `^line 1\n`}}},
	{"less short", []look{{"", `^one\ntwo\nthree\n`}, {" ", `three\n`}, {"q", `status 0`}}},
	{"less unended", []look{{"", `^one\ntwo\n`}}},
	{"less empty", []look{{"", `empty \(END\)$`}, {"q", `status 0`}}},
	{"less -F short", []look{{"", `^one\ntwo\nthree\nstatus 0$`}}},
	{"less -FRX short", []look{{"", `^one\ntwo\nthree\nstatus 0$`}}},
	{"less -F lines", []look{{"", `^line 1\n`}, {"q", `^status 0$`}}},
	{"less -X lines", []look{{"", `^line 1\n`}, {" ", `^line 24\n`}, {"q", `\nstatus 0$`}}},
	{"cat lines | less", []look{{"", `^line 1\n`}, {" ", `^line 24\n`}, {"G", `\nline 200\n\(END\)$`}, {"g", `^line 1\n`}, {"q", `^status 0$`}}},
	{"less <lines", []look{{"", `^line 1\n`}, {"G", `\(END\)$`}, {"q", `^status 0$`}}},
	{"cat short | less -F", []look{{"", `^one\ntwo\nthree\nstatus 0$`}}},
	{"less +G lines", []look{{"", `\(END\)$`}}},
	{"less +100 lines", []look{{"", `^line 100\n`}}},
	{"less +/line.50 lines", []look{{"", `^line 50\n`}, {"n", `Pattern not found`}}},
	{"less -p 'line 60' lines", []look{{"", `^line 60\n`}}},
	{"less lines other short", []look{{"", `lines \(file 1 of 3\)$`}, {":n", `other \(file 2 of 3\)$`}, {":n", `short \(file 3 of 3\) \(END\)$`}, {":n", `No next file  \(press RETURN\)$`}, {"<Enter>", `\(END\)$`}, {":p", `^another\n`}, {":p", `^line 1\n`}, {"G", `\(END\) - Next: other$`}, {"q", `status 0`}}},
	{"less -s gaps", []look{{"", `^a\n\nb\n\nc\n`}}},
	{"less -i Capitals", []look{{"/word<Enter>", `^Word\n`}, {"n", `^word\n`}, {"n", `^WORD\n`}}},
	{"less Capitals", []look{{"/word<Enter>", `^word\n`}, {"n", `Pattern not found`}, {"<Enter>", ``}, {"g", ``}, {"/W<Enter>", `^Word\n`}}},
	{"less -M lines", []look{{"", `lines lines 1-23/200 10%$`}, {" ", `lines lines 24-46/200`}, {"G", `lines 178-200/200 \(END\)$`}}},
	{"less -m lines", []look{{"", `^line 1\n`}, {" ", `\n2\d%$`}}},
	{"less lines", []look{{"=", `byte`}, {"<Enter>", `\n:$`}}},
	{"less .", []look{{"", `\. is a directory\nstatus 1$`}}},
	{"less /dev/null", []look{{"", `/dev/null is not a regular file \(use -f to see it\)\nstatus 1$`}}},
	{"less -E short", []look{{"", `^status 0$`}}},
	{"less -e lines", []look{{"G", `\(END\)$`}, {" ", `status 0$`}}},
	{"less lines | tail -n 1", []look{{"", `^line 200\nstatus 0$`}}},
	{"less lines", []look{{"d", ``}, {"/", `\n/$`}, {"<C-c>", `^line 13\n(?s:.*)\n:$`}, {"F", `Waiting for data\.\.\. \(interrupt to abort\)$`}, {"<C-c>", `(?s)line 200\n(:|lines \(END\)|\(END\))$`}, {"g", `^line 1\n`}}},
}

// TestPagerAsTheMachinesOwn types the same in less of the machine and in that of the toolbox.
func TestPagerAsTheMachinesOwn(t *testing.T) {
	if _, err := exec.LookPath("less"); err != nil {
		t.Skip("less is not installed")
	}
	bin := unpack(t)
	dir := t.TempDir()
	texts(t, dir)
	for _, session := range pagers {
		t.Run(session.line, func(t *testing.T) {
			t.Parallel()
			own := tmuxtest.Start(t, dir, "screen-256color", session.line, "PATH="+os.Getenv("PATH"))
			tool := tmuxtest.Start(t, dir, "screen-256color", strings.Replace(session.line, "less", bin+"/less", 1), "PATH="+os.Getenv("PATH"))
			alike(t, own, tool, session.steps)
		})
	}
}

// toolPane starts a command line with the toolbox's tools in a pane, in a directory with the files of texts.
func toolPane(t *testing.T, terminal, line string) (p *tmuxtest.Pane, dir string) {
	t.Helper()
	bin := unpack(t)
	dir = t.TempDir()
	texts(t, dir)
	return tmuxtest.Start(t, dir, terminal, line, "PATH="+bin), dir
}

// A file that is no text is shown only if that is wanted.
func TestPagerOfABinaryFile(t *testing.T) {
	for _, row := range []struct{ answer, shown string }{{"y", `\^@\^A\^B\^C<FF>\^@`}, {"n", `status 1`}} {
		p, _ := toolPane(t, "screen-256color", "less binary")
		p.Shows(`^"binary" may be a binary file.  See it anyway\?$`)
		p.Types(row.answer)
		p.Shows(row.shown)
	}
}

// F shows what is added to a file, until ^C.
func TestPagerFollows(t *testing.T) {
	p, dir := toolPane(t, "screen-256color", "less +F short")
	p.Shows(`three\nWaiting for data\.\.\. \(interrupt to abort\)$`)
	file, err := os.OpenFile(filepath.Join(dir, "short"), os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	for i := range 3 {
		if _, err := fmt.Fprintf(file, "more %d\n%s", i, strings.Repeat("x\n", 20)); err != nil {
			t.Fatal(err)
		}
		p.Shows(fmt.Sprintf(`more %d\n(x\n){20}Waiting`, i))
	}
	p.Types("<C-c>")
	p.Shows(`x\n.*\(END\)$`)
	p.Types("g")
	p.Shows(`^one\ntwo\n`)
	p.Types("G")
	p.Shows(`more 2\n(x\n){20}\(END\)$`)
	if _, err := file.WriteString("at last\n"); err != nil {
		t.Fatal(err)
	}
	p.Types(" ") // a file that has grown meanwhile
	p.Shows(`\nat last\n`)
	p.Types("q")
	p.Shows(`^status 0$`)
}

// What a pipe has not yet is waited for, unless that is interrupted.
func TestPagerOfAPipe(t *testing.T) {
	p, dir := toolPane(t, "screen-256color", "(echo one; while [ ! -e go ]; do sleep 0.01; done; seq 100) | less")
	p.Shows(`^one\n`)
	p.Types("G") // waits
	if err := os.WriteFile(filepath.Join(dir, "go"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	p.Shows(`\n100\n\(END\)$`)
	p.Types("q")
	p.Shows(`^status 0$`)
}

// The editor and the shell are reached from less, and it goes on behind them.
func TestPagerStartsOthers(t *testing.T) {
	p, _ := toolPane(t, "screen-256color", "less short")
	p.Shows(`short \(END\)$`)
	p.Types("jv")
	p.Shows(`\^G help`)
	p.Types("new <C-s>")
	p.Shows(`Wrote 3 lines`)
	p.Types("<C-x>")
	p.Shows(`^new one\ntwo\nthree\n.*\(END\)$`)
	p.Types("!echo $((40 + 2))<Enter>")
	p.Shows(`42\n!done  \(press RETURN\)`)
	p.Types("<Enter>")
	p.Shows(`^new one\ntwo\nthree\n`)
	p.Types("h")
	p.Shows(`(?s)^ +SUMMARY OF LESS COMMANDS.*HELP -- Press RETURN for more, or q when done$`)
	p.Types("q")
	p.Shows(`^new one\ntwo\nthree\n`)
	p.Types("q")
	p.Shows(`\nstatus 0$`)
}

// A terminal of another size is filled, by each of the tools.
func TestScreensAreResized(t *testing.T) {
	for _, row := range []struct{ line, first, small, large string }{
		{"less lines", `^line 1\n(?s:.*)line 23\nlines$`, `^line 1\n(?s:.*)line 9\n(:|lines)$`, `^line 1\n(?s:.*)line 39\n(:|lines)$`},
		{"less 'one line'", `^[0-9]{80}\n`, `^[0-9]{40}\n[0-9]{40}\n`, `^[0-9]{120}\n`},
		{"edit lines", `^line 1\n(?s:.*)line 23\n`, `^line 1\n(?s:.*)line 9\nlines`, `^line 1\n(?s:.*)line 39\nlines`},
		{"top -p 1", `(?m)^ *PID USER .* COMMAND$`, `(?m)^top - .*\n(?s:.*)^ *PID USER `, `(?m)^ *PID USER .* COMMAND$`},
	} {
		p, _ := toolPane(t, "tmux-256color", row.line)
		p.Shows(row.first)
		p.Tmux("resize-window", "-x", "40", "-y", "10")
		p.Shows(row.small)
		p.Tmux("resize-window", "-x", "120", "-y", "40")
		p.Shows(row.large)
	}
}

// ^Z stops each of the tools, and fg shows it again.
func TestScreensAreStopped(t *testing.T) {
	for _, row := range []struct{ line, shown, leave string }{
		{"less lines", `^line 1\n(?s:.*)line 23\n`, "q"},
		{"cat lines | less", `^line 1\n(?s:.*)line 23\n`, "q"},
		{"top -p 1", `(?m)^ *PID USER `, "q"},
		{"edit short", `^one\ntwo\nthree\n`, "<C-x>"},
	} {
		t.Run(row.line, func(t *testing.T) {
			t.Parallel()
			p, _ := toolPane(t, "screen-256color", "PS1='ready> ' sh")
			p.Shows(`^ready>`)
			p.Types(row.line + "<Enter>")
			p.Shows(row.shown)
			for range 2 {
				p.Types("<C-z>")
				p.Shows(`(?m)^\[1\]\+  Stopped .*\nready>$`)
				p.Types("echo still $((40 + 2))<Enter>")
				p.Shows(`still 42\nready>$`)
				p.Types("clear; fg<Enter>")
				p.Shows(row.shown)
			}
			p.Types(row.leave)
			p.Shows(`ready>$`)
			p.Types("clear; jobs; cat<Enter>")
			p.Shows(`(?m)\A$`) // no job is left
			p.Types("a line<Enter>")
			p.Shows(`^a line\na line$`) // of the terminal's echo and of cat
			p.Types("<C-d>echo end<Enter>")
			p.Shows(`\nend\nready>$`)
		})
	}
}

// A file of 1 GiB is shown without reading all of it, and within little memory.
func TestPagerOfALargeFile(t *testing.T) {
	dir := t.TempDir()
	file, err := os.Create(filepath.Join(dir, "large"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	for at, text := range map[int64]string{0: "the begin\n", 1<<30 - 8: "\nthe end\n"} { // between them is a line of 1 GiB, without blocks on the disk
		if _, err := file.WriteAt([]byte(text), at); err != nil {
			t.Fatal(err)
		}
	}
	s := start(t, unpack(t), dir, "less", "-f", "large")
	s.expect("the begin")
	for _, row := range []struct{ keys, shown string }{{"G", "the end"}, {"g", "the begin"}, {" ", `\^@\^@`}, {"G", "the end"}, {"k", `\^@\^@`}, {"50p", `\^@\^@`}, {"/the end\r", "the end"}} {
		s.send(row.keys)
		s.expect(row.shown)
	}
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	most := regexp.MustCompile(`VmHWM:\s+(\d+) kB`).FindStringSubmatch(string(status))
	if n, _ := strconv.Atoi(most[1]); n > 150<<10 {
		t.Errorf("it takes %d KiB", n)
	}
	s.send("q")
	if status := s.ended(); status != 0 {
		t.Errorf("exit status %d", status)
	}
}

// top asks for what its keys need.
func TestTopAsks(t *testing.T) {
	victim := exec.Command("sleep", "1000")
	if err := victim.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = victim.Process.Kill(); _ = victim.Wait() })
	p, _ := toolPane(t, "screen-256color", fmt.Sprintf("top -p %d,%d", victim.Process.Pid, os.Getpid()))
	p.Shows(`(?m)^Tasks: +2 total, .*\n%Cpu\(s\): *[\d.]+ us, *[\d.]+ sy, .*\nMiB Mem :.*\nMiB Swap:.*\n\n +PID USER +PR +NI +VIRT +RES +SHR S +%CPU +%MEM +TIME\+ COMMAND$`)
	p.Types("1")
	p.Shows(`(?m)^%Cpu0  : *[\d.]+ us`)
	p.Types("1c")
	p.Shows(`(?m)sleep 1000$`)
	p.Types("cN")
	p.Shows(`(?m)sleep$`)
	p.Types("d5<Enter>h")
	p.Shows(`Help for interactive commands`)
	p.Types(" ")
	p.Shows(`(?m)^ +PID USER`)
	p.Types("d")
	p.Shows(`(?m)^Change delay from 5\.0 to`)
	p.Types("<C-c>") // a signal, which may be seen later than a key behind it
	p.Shows(`avail Mem *\n\n +PID USER`)
	p.Types("y")
	p.Shows(`Unknown command - try 'h' for help`)
	p.Types(fmt.Sprintf("k%d<Enter>", victim.Process.Pid))
	p.Shows(fmt.Sprintf(`(?m)^Send pid %d signal \[15/sigterm\]`, victim.Process.Pid))
	p.Types("9<Enter>")
	if err := victim.Wait(); err == nil || victim.ProcessState.String() != "signal: killed" {
		t.Errorf("it ended with %v", victim.ProcessState)
	}
	p.Types(" ")
	p.Shows(`(?m)^Tasks: +1 total`)
	p.Types("q")
	p.Shows(`^status 0$`)
}
