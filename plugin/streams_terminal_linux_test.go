//go:build linux

package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestStreamsAtATerminal runs docker exec and docker nsjoin at a terminal, in its foreground and its
// background, with each combination of redirected streams. They behave the same, with one exception:
// without options in the foreground, with a terminal as standard input and output, docker nsjoin
// behaves like docker exec -it, and writes errors to where they are redirected.
func TestStreamsAtATerminal(t *testing.T) {
	c := newCaller(t)
	web := c.container(t)
	seen := newSightings("terminal")
	for _, place := range []string{foreground, background, orphaned} {
		for redirected := range 8 {
			for _, options := range []string{"", "-T", "-t=false", "-t"} {
				if place != foreground && options == "-T" {
					continue // -it is never implied there
				}
				name := fmt.Sprintf("%s, redirected %03b, options %q", place, redirected, options)
				t.Run(name, func(t *testing.T) { c.compareAt(t, web, place, redirected, options, seen) })
			}
		}
	}
	seen.check(t)
}

// The places from which a command at a terminal is started.
const (
	foreground = "in the foreground"
	background = "in the background"
	orphaned   = "in the background, by a shell that has ended"
)

func (c caller) compareAt(t *testing.T, web, place string, redirected int, options string, seen *sightings) {
	t.Helper()
	asked, separate := strings.ReplaceAll(options, "-T", ""), false
	implied := options == "" && place == foreground && redirected&3 == 0
	if implied {
		asked, separate = "-i -t", redirected&4 != 0
	}
	want := c.outcomeAt(t, "exec", web, place, redirected, asked)
	if separate { // docker exec cannot do this
		want = outcome{status: 7, out: "out in= tty=01", err: "err in= tty=01"}
	}
	got := c.outcomeAt(t, "nsjoin", web, place, redirected, options)
	if got != want {
		t.Errorf("\n docker exec   %v\n docker nsjoin %v", want, got)
	}
	seen.add(place, redirected, options, got, implied)
}

// outcomeAt runs report at a terminal, in the foreground or background of a shell. The streams whose
// bits are set in redirected go to files.
func (c caller) outcomeAt(t *testing.T, how, web, place string, redirected int, options string) outcome {
	t.Helper()
	dir := t.TempDir()
	line := `"$@"`
	for i, to := range []string{"</dev/null", ">" + dir + "/out", "2>" + dir + "/err"} {
		if redirected&(1<<i) != 0 {
			line += " " + to
		}
	}
	switch place {
	case background:
		line = "set -m; " + line + " & wait $!"
	case orphaned: // the shell in between ends at once, and its child is in a process group of its own
		line = "mkfifo status; set -m; ( { " + line + "; echo $? >status; } & ); read -r status <status; (exit $status)"
	}
	args := append([]string{"-c", line + "; status=$?; echo the e''nd >/dev/tty; exit $status", "bash", "docker", how}, strings.Fields(options)...)
	cmd := exec.Command("bash", append(args, web, "sh", "-c", report, "leave")...)
	cmd.Env, cmd.Dir = c.env, dir
	y := at(t, cmd)
	y.shows("the end")
	got := outcome{status: y.ends()}
	shown := reported(y.screen.text())
	for i, text := range []*string{1: &got.out, 2: &got.err} {
		switch {
		case text == nil:
		case redirected&(1<<i) != 0:
			b, err := os.ReadFile(filepath.Join(dir, []string{1: "out", 2: "err"}[i]))
			if err != nil {
				t.Fatal(err)
			}
			*text = reported(string(b))
		case i == 1 || redirected&2 != 0:
			*text = shown
		}
	}
	return got
}
