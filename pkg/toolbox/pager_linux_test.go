package toolbox

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
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
			p.shows(`^ready>`)
			p.types(row.line + "<Enter>")
			p.shows(`^one\ntwo\nthree\n(?s:.*)\(END\)$`)
			p.types(row.start)
			p.shows(row.shown)
			if row.start != "v" { // cat runs
				p.types("first<Enter>")
				p.shows(`(?m)^first\nfirst$`)
			}
			for range 2 {
				p.types("<C-z>")
				p.shows(`(?m)^\[1\]\+  Stopped .*\nready>$`)
				p.types("clear; echo still $((40 + 2))<Enter>")
				p.shows(`^still 42\nready>$`)
				p.types("clear; fg<Enter>")
				p.shows(row.again)
				if row.start != "v" {
					p.types("again<Enter>")
					p.shows(`(?m)^again\nagain$`)
				}
			}
			p.types(row.leave)
			p.shows(row.left)
			p.types(row.after)
			p.shows(`^one\ntwo\nthree\n(?s:.*)\(END\)$`)
			p.types("q")
			p.shows(`ready>$`)
			p.types("clear; jobs; echo end<Enter>")
			p.shows(`^end\nready>$`)
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
	p.shows(`^1\n2\n3\n`)
	p.types("F")
	p.shows(`Waiting for data\.\.\. \(interrupt to abort\)$`)
	p.types("<C-c>")
	p.shows(`^1\n2\n3\n\n*:$`)
	p.types("F")
	p.shows(`Waiting for data\.\.\. \(interrupt to abort\)$`)
	file("more")
	p.shows(`\n39\n40\nWaiting for data\.\.\. \(interrupt to abort\)$`)
	p.types("<C-c>")
	p.shows(`\n39\n40\n:$`)
	p.types("G") // waits, and keeps what is typed then: q may be of a pattern
	p.types("?3q*2$<Enter>")
	file("end")
	p.shows(`^32\n33\n`)
	p.types("q")
	p.shows(`^status 0$`)
}

// What begins with + is done for the first file only, and a mark is a place in its file.
func TestPagerOfSeveralFiles(t *testing.T) {
	p, _ := toolPane(t, "screen-256color", "less +100 lines other")
	p.shows(`^line 100\n`)
	p.types("ma:n")
	p.shows(`^another\n(?s:.*)other \(file 2 of 2\)$`)
	p.types("'a")
	p.shows(`^line 100\n`)
	p.types("q")
	p.shows(`^status 0$`)
}

// A name that looks like an option is none for the editor.
func TestPagerEditsAnyName(t *testing.T) {
	p, _ := toolPane(t, "screen-256color", "echo of plus >+5; less -- +5")
	p.shows(`^of plus\n`)
	p.types("v")
	p.shows(`^of plus\n(?s:.*)\^G help`)
	p.types("<C-x>")
	p.shows(`^of plus\n(?s:.*)\(END\)$`)
}
