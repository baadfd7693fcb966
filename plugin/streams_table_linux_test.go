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

// report tells on both outputs what the command reads and which of its streams are terminals.
// It takes a line of a terminal only where that is to be read.
const report = `in= tty=
[ "$0" = read ] && in=$(head -c 6 | tr -d '\0\n')
for i in 0 1 2; do test -t $i && tty=$tty$i; done
echo "out in=$in tty=$tty"
echo "err in=$in tty=$tty" >&2
exit 7`

// streamsOptions are the options that the table is run with.
var streamsOptions = []string{"", "-T", "-i", "-i -T", "-t", "-i -t", "-d"}

// outcome is what a caller notices of a call.
type outcome struct {
	status   int
	out, err string // the report's lines, where they arrive
}

func (o outcome) String() string { return fmt.Sprintf("status %d, %q, %q", o.status, o.out, o.err) }

// TestStreamsTable is every kind of each standard stream, with each option, by docker exec and
// by docker nsjoin: what the command reads, which of its streams are terminals, what arrives
// and the status are the same, or the difference is one that has a reason.
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
	// docker exec has no -T: without it, it is the same.
	want := c.outcomeOf(t, "exec", web, kind, number, strings.TrimSpace(strings.ReplaceAll(options, "-T", "")))
	got := c.outcomeOf(t, "nsjoin", web, kind, number, options)
	if cannotBeWritten[kind.name] && number == 1 && options == "-t" {
		// A terminal that can't be written ends the command, if that is still there.
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

// expected is what docker nsjoin makes of what docker exec does. They are the same but for two cases.
// It tells whether it is one of these.
func expected(want outcome, kind string, number int, options string) (ours outcome, differs bool) {
	switch {
	case options == "-i -t" && want.status == 1 && want.out+want.err == "": // refused: bad input is 125
		return outcome{status: exit.Failed}, true
	case number > 0 && cannotBeWritten[kind] && !strings.Contains(options, "-d") && !asksTerminal(options):
		// docker exec gives up when a write fails, sooner or later, and leaves the command without a
		// reader; docker nsjoin says what is lost, and has the command's own status.
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

// cannotBeWritten are the kinds that take no output.
var cannotBeWritten = map[string]bool{"full": true, "null, to read": true, "file, to read": true, "directory": true}

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
		read = "leave" // nobody types at a terminal without -i
	}
	args = append(args, web, "sh", "-c", report, read)
	cmd := c.docker(args...)
	for i, f := range given {
		if f == nil { // a shell closes it, since os/exec makes it the null device
			cmd.Path, cmd.Args = "/bin/sh", append([]string{"sh", "-c", fmt.Sprintf(`exec "$@" %d>&-`, i), "sh"}, cmd.Args...)
		}
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	for i, f := range given {
		switch {
		case f == nil: // is closed by the shell
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

// reported are the lines of the report in what arrived. docker exec does not keep their order.
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
