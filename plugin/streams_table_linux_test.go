//go:build linux

package main

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/nsjoin/docker-nsjoin/pkg/exit"
)

// report prints to both outputs what the command reads and which of its streams are terminals. It
// reads its input only if its argument is "read".
const report = `in= tty=
[ "$0" = read ] && in=$(head -c 6 | tr -d '\0\n')
for i in 0 1 2; do test -t $i && tty=$tty$i; done
echo "out in=$in tty=$tty"
echo "err in=$in tty=$tty" >&2
exit 7`

// streamsOptions are the columns of the table.
var streamsOptions = []string{"", "-T", "-i", "-i -T", "-t", "-i -t", "-d"}

// outcome is what the caller sees of a call.
type outcome struct {
	status   int
	out, err string // the lines of report that arrive
}

func (o outcome) String() string { return fmt.Sprintf("status %d, %q, %q", o.status, o.out, o.err) }

// TestStreamsTable runs docker exec and docker nsjoin with every kind of each standard stream and
// each option. What the command reads, which of its streams are terminals, what arrives and the
// status are the same, except for intended differences.
func TestStreamsTable(t *testing.T) {
	c := newCaller(t)
	web := c.container(t)
	seen := newSightings("kinds")
	for _, kind := range kindsOfStreams {
		t.Run(kind.name, func(t *testing.T) {
			var calls sync.WaitGroup
			free := make(chan struct{}, parityWorkers)
			for number := range 3 {
				for _, options := range streamsOptions {
					free <- struct{}{}
					calls.Go(func() {
						c.compareStreams(t, web, kind, number, options, seen)
						<-free
					})
				}
			}
			calls.Wait()
		})
	}
	seen.check(t)
}

func (c caller) compareStreams(t *testing.T, web string, kind kindOfStream, number int, options string, seen *sightings) {
	cell := fmt.Sprintf("stream %d: %s, options %q", number, kind.name, options)
	// docker exec has no -T, which is its default.
	want := c.outcomeOf(t, "exec", web, kind, number, strings.TrimSpace(strings.ReplaceAll(options, "-T", "")))
	got := c.outcomeOf(t, "nsjoin", web, kind, number, options)
	if cannotBeWritten[kind.name] && number == 1 && options == "-t" {
		// If the terminal's output cannot be written, the command is ended if it still runs.
		if got.status != 7 && got.status != 128+int(syscall.SIGPIPE) {
			t.Errorf("%s: %v", cell, got)
		}
		seen.add(kind.name, number, options, outcome{status: 128 + int(syscall.SIGPIPE)}, false)
		return
	}
	ours, differs := expected(want, kind.name, number, options)
	seen.add(kind.name, number, options, got, differs)
	if got != ours {
		t.Errorf("%s:\n docker exec   %v\n docker nsjoin %v", cell, want, got)
	}
}

// expected returns docker nsjoin's outcome for docker exec's, and whether it is one of the two cases
// in which they differ.
func expected(want outcome, kind string, number int, options string) (ours outcome, differs bool) {
	switch {
	case options == "-i -t" && want.status == 1 && want.out+want.err == "": // refused; docker nsjoin uses 125 for bad input
		return outcome{status: exit.Failed}, true
	case number > 0 && cannotBeWritten[kind] && !strings.Contains(options, "-d") && !asksTerminal(options):
		// When a write fails, docker exec ends and leaves the command without a reader. docker nsjoin
		// reports what is lost, and returns the command's status.
		in := ""
		if strings.HasPrefix(options, "-i") {
			in = strings.TrimSpace(typed)
		}
		line := " in=" + in + " tty="
		if number == 1 {
			return outcome{status: 7, err: "err" + line}, true
		}
		return outcome{status: 7, out: "out" + line}, true
	}
	return want, false
}

// cannotBeWritten are the kinds to which writing fails.
var cannotBeWritten = map[string]bool{"full": true, "null, read-only": true, "file, read-only": true, "directory": true}

func asksTerminal(options string) bool {
	return strings.Contains(options, "-t")
}

func (c caller) outcomeOf(t *testing.T, how, web string, kind kindOfStream, number int, options string) outcome {
	given, others, err := streamsOf(t, kind, number)
	if err != nil {
		t.Errorf("stream %d, %s: %v", number, kind.name, err)
		return outcome{}
	}
	args := append([]string{how}, strings.Fields(options)...)
	read := "read"
	if asksTerminal(options) {
		read = "leave" // without -i there is no input at the terminal
	}
	args = append(args, web, "sh", "-c", report, read)
	cmd := c.docker(args...)
	for i, f := range given {
		if f == nil { // a shell closes it, since os/exec would open the null device
			cmd.Path, cmd.Args = "/bin/sh", append([]string{"sh", "-c", fmt.Sprintf(`exec "$@" %d>&-`, i), "sh"}, cmd.Args...)
		}
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	for i, f := range given {
		switch {
		case f == nil: // the shell closes it
		case i == 0:
			cmd.Stdin = f
		case i == 1:
			cmd.Stdout = f
		default:
			cmd.Stderr = f
		}
	}
	err = cmd.Start()
	for _, f := range given {
		f.Close()
	}
	if err != nil {
		t.Error(err)
		return outcome{}
	}
	out, errs := others[1].collect(), others[2].collect()
	status := ended(t, cmd)
	others[0].end.Close()
	return outcome{status: status, out: reported(out()), err: reported(errs())}
}

// reported returns the lines of report in a text, sorted, since docker exec does not keep their order.
func reported(text string) string {
	var lines []string
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "out ") || strings.HasPrefix(line, "err ") {
			lines = append(lines, strings.TrimSpace(line))
		}
	}
	slices.Sort(lines)
	return strings.Join(lines, "; ")
}
