package toolbox

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// ^Z in a program that less has started stops both, and fg continues both. ^C there is not for less.
func TestPagerIsStoppedWithOthers(t *testing.T) {
	for _, row := range []struct{ line, start, shown, again, leave, left, after string }{
		{"less short", "v", `\^G help`, `\^G help`, "<C-x>", `(?s)^one\ntwo\nthree\n.*\(END\)$`, ""},
		{"less -K short", "!echo began; cat<Enter>", `(?m)^began$`, `^.*less -K.*$`, "<C-c>", `!done  \(press RETURN\)`, "<Enter>"},
		{"cat short | less -K", "!echo began; cat<Enter>", `(?m)^began$`, `^.*less -K.*$`, "<C-c>", `!done  \(press RETURN\)`, "<Enter>"},
	} {
		t.Run(row.line, func(t *testing.T) {
			t.Parallel()
			p, _ := toolPane(t, "screen-256color", "PS1='ready> ' sh")
			p.Shows(`^ready>`)
			p.Types(row.line + "<Enter>")
			p.Shows(`^one\ntwo\nthree\n(?s:.*)\(END\)$`)
			p.Types(row.start)
			p.Shows(row.shown)
			if row.start != "v" { // cat runs
				p.Types("first<Enter>")
				p.Shows(`(?m)^first\nfirst$`)
			}
			for range 2 {
				p.Types("<C-z>")
				p.Shows(`(?m)^\[1\]\+  Stopped .*\nready>$`)
				p.Types("clear; echo still $((40 + 2))<Enter>")
				p.Shows(`^still 42\nready>$`)
				p.Types("clear; fg<Enter>")
				p.Shows(row.again)
				if row.start != "v" {
					p.Types("again<Enter>")
					p.Shows(`(?m)^again\nagain$`)
				}
			}
			p.Types(row.leave)
			p.Shows(row.left)
			p.Types(row.after)
			p.Shows(`^one\ntwo\nthree\n(?s:.*)\(END\)$`)
			p.Types("q")
			p.Shows(`ready>$`)
			p.Types("clear; jobs; echo end<Enter>")
			p.Shows(`^end\nready>$`)
		})
	}
}

// F shows what comes through a pipe, and one ^C ends it.
func TestPagerFollowsAPipe(t *testing.T) {
	const waits = "while [ ! -e %s ]; do sleep 0.01; done; "
	p, dir := toolPane(t, "screen-256color", "(trap '' INT; seq 3; "+fmt.Sprintf(waits, "more")+"seq 40; "+fmt.Sprintf(waits, "end")+") | less")
	file := func(name string) {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	p.Shows(`^1\n2\n3\n`)
	p.Types("F")
	p.Shows(`Waiting for data\.\.\. \(interrupt to abort\)$`)
	p.Types("<C-c>")
	p.Shows(`^1\n2\n3\n\n*:$`)
	p.Types("F")
	p.Shows(`Waiting for data\.\.\. \(interrupt to abort\)$`)
	file("more")
	p.Shows(`\n39\n40\nWaiting for data\.\.\. \(interrupt to abort\)$`)
	p.Types("<C-c>")
	p.Shows(`\n39\n40\n:$`)
	p.Types("G") // waits, and keeps what is typed then: q may be of a pattern
	p.Types("?3q*2$<Enter>")
	file("end")
	p.Shows(`^32\n33\n`)
	p.Types("q")
	p.Shows(`^status 0$`)
}

// What begins with + is done for the first file only, and a mark is a place in its file.
func TestPagerOfSeveralFiles(t *testing.T) {
	p, _ := toolPane(t, "screen-256color", "less +100 lines other")
	p.Shows(`^line 100\n`)
	p.Types("ma:n")
	p.Shows(`^another\n(?s:.*)other \(file 2 of 2\)$`)
	p.Types("'a")
	p.Shows(`^line 100\n`)
	p.Types("q")
	p.Shows(`^status 0$`)
}

// A name that looks like an option is none for the editor.
func TestPagerEditsAnyName(t *testing.T) {
	p, _ := toolPane(t, "screen-256color", "echo of plus >+5; less -- +5")
	p.Shows(`^of plus\n`)
	p.Types("v")
	p.Shows(`^of plus\n(?s:.*)\^G help`)
	p.Types("<C-x>")
	p.Shows(`^of plus\n(?s:.*)\(END\)$`)
}

// ^Z stops less also while it waits for RETURN behind a command.
func TestPagerIsStoppedAtAQuestion(t *testing.T) {
	p, _ := toolPane(t, "screen-256color", "PS1='ready> ' sh")
	p.Shows(`^ready>`)
	p.Types("less short<Enter>")
	p.Shows(`^one\ntwo\nthree\n`)
	p.Types("!echo $((40 + 2))<Enter>")
	p.Shows(`42\n!done  \(press RETURN\)`)
	for range 2 {
		p.Types("<C-z>")
		p.Shows(`(?m)^\[1\]\+  Stopped .*\nready>$`)
		p.Types("clear; echo still $((40 + 2))<Enter>")
		p.Shows(`^still 42\nready>$`)
		p.Types("fg<Enter>")
		p.Shows(`\nless short$`)
	}
	p.Types("<Enter>")
	p.Shows(`^one\ntwo\nthree\n(?s:.*)\(END\)$`)
	p.Types("q")
	p.Shows(`ready>$`)
	p.Types("clear; jobs; echo end<Enter>")
	p.Shows(`^end\nready>$`)
}

// SIGQUIT ends the tools that fill the screen, and the terminal is as before.
func TestScreensEndBySIGQUIT(t *testing.T) {
	bin := unpack(t)
	for _, row := range []struct{ line, shown string }{
		{"less lines", "line 20"},
		{"top -p 1", "PID USER"},
		{"edit short", "three"},
		{"watch -n 100 echo shown", `\nshown`},
	} {
		t.Run(row.line, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			texts(t, dir)
			s := start(t, bin, dir, "sh")
			s.expect(prompt)
			s.send(row.line + "\r")
			s.expect(row.shown)
			for _, p := range below(s.cmd.Process.Pid) {
				if p.line == row.line {
					if err := unix.Kill(p.pid, unix.SIGQUIT); err != nil {
						t.Fatal(err)
					}
				}
			}
			s.expect(prompt)
			s.send("stty -a | tr ' ;' '\\n\\n' | grep -cxE 'icanon|echo|isig'\r")
			s.expect(`\n3\r\n` + prompt)
		})
	}
}
