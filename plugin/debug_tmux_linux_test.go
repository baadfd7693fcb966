//go:build linux

package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/nsjoin/docker-nsjoin/pkg/tmuxtest"
)

// In tmux, the shell of docker nsjoin debug answers keys as the container's own bash by docker exec does: after each step both
// screens are the same.
func TestDebugInTmux(t *testing.T) {
	t.Parallel()
	c := newCaller(t)
	web := c.container(t)
	describeTerminal(t, web, "screen")
	env := slices.DeleteFunc(slices.Clone(c.env), func(v string) bool { return strings.HasPrefix(v, "TERM=") })
	bash := tmuxtest.Start(t, c.dir, "screen", `docker exec -it -e TERM=screen -e 'PS1=`+web+`:\w \$ ' `+web+` bash --norc`, env...)
	own := tmuxtest.Start(t, c.dir, "screen", "docker nsjoin debug "+web, env...)
	const prompt = `(?m)^web-\S+:/ #$\z`
	const program = `sh -c 'echo st""arted; sleep 600'<Enter>`
	for _, step := range []struct{ keys, shown string }{
		{"", prompt},
		{"echo abd<Left>c<Enter>", `(?m)^abcd$`},
		{"echo one two three<M-b><M-b><C-k>four<C-a><M-f>x<BSpace> zero<Enter>", `(?m)^zero one four$`},
		{"<Up><Up><C-e>e<Enter>", `(?m)^abcde$`},
		{"<C-r>three<C-g>", prompt},
		{"<C-r>bcd<Enter>", prompt},
		{"<C-r>zero onx", `\(failed reverse-i-search\).*: echo zero one four$`},
		{"<Enter>", `(?m)^zero one four\n.* #\z`},
		{"clear<Enter>", prompt},
		{"echo /home/log<Tab><Enter>", `(?m)^/home/login/$`},
		{"bus<Tab>echo completed<Enter>", `(?m)^completed$`},
		{"echo $HOSTN<Tab><Enter>", `(?m)^web$`},
		{"for i in 1 2; do<Enter>echo =$i<Enter>done<Enter>", `(?m)^=2$`},
		{"echo left<C-c>", `\^C\n`},
		{"echo $?<Enter>", `(?m)^130$`},
		{"clear<Enter>", prompt},
		{program, `(?m)^started$`},
		{"<C-c>", prompt},
		{"echo $?<Enter>", `(?m)^130$`},
		{"clear<Enter>", prompt},
		{program, `(?m)^started$`},
		{"<C-z>", `(?m)^\[1\]\+  Stopped `},
		{"exit<Enter>", `There are stopped jobs`},
		{"jobs; clear<Enter>", prompt},
		{"fg<Enter>", `sleep 600'$`},
		{"<C-c>", prompt},
		{"jobs<Enter>echo status $?<Enter>", `(?m)^status 0$`},
		{"clear<Enter>", prompt},
	} {
		bash.Types(step.keys)
		own.Types(step.keys)
		own.ShowsAs(bash, step.shown)
	}
	// The size of the window, also for the lines that are typed next. docker passes it on a moment later: this line fits into both.
	for _, p := range []*tmuxtest.Pane{bash, own} {
		p.Tmux("resize-window", "-x", "100", "-y", "30")
		p.Types("until stty size|grep 100;do sleep .1;done<Enter>")
	}
	own.ShowsAs(bash, `(?m)^30 100$`)
	for _, step := range []struct{ keys, shown string }{
		{"clear<Enter>", prompt},
		{"cho " + strings.Repeat("0123456789", 12) + "<C-a>e<C-e>x<Enter>", `(?m)^(0123456789){10}\n(0123456789){2}x$`},
		{"<Up><BSpace><Enter>", `(?m)^(0123456789){10}\n(0123456789){2}$`},
		{"exit 3<Enter>", `(?m)^status 3$`},
	} {
		bash.Types(step.keys)
		own.Types(step.keys)
		own.ShowsAs(bash, step.shown)
	}
	nothingIsLeft(t, web)
}

// describeTerminal copies this machine's description of a terminal into a container, for its programs.
func describeTerminal(t *testing.T, container, terminal string) {
	t.Helper()
	name := filepath.Join(terminal[:1], terminal)
	for _, dir := range []string{"/etc/terminfo", "/lib/terminfo", "/usr/lib/terminfo", "/usr/share/terminfo"} {
		if _, err := os.Stat(filepath.Join(dir, name)); err == nil {
			inside(t, container, "mkdir", "-p", filepath.Dir(filepath.Join("/lib/terminfo", name)))
			docker(t, "cp", "-L", filepath.Join(dir, name), container+":"+filepath.Join("/lib/terminfo", name))
			return
		}
	}
	t.Fatalf("this machine has no description of the terminal %s", terminal)
}
