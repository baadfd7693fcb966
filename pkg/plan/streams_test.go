package plan_test

import (
	"strings"
	"testing"

	"github.com/nsjoin/docker-nsjoin/pkg/exit"
	"github.com/nsjoin/docker-nsjoin/pkg/ns"
	"github.com/nsjoin/docker-nsjoin/pkg/plan"
	"github.com/nsjoin/docker-nsjoin/pkg/request"
)

// Options with different callers. -it is implied only if the caller is in the foreground of a
// terminal; otherwise input is not read without -i.
func TestStreams(t *testing.T) {
	const auto, always, never = request.TerminalAuto, request.TerminalAlways, request.TerminalNever
	redirected, background, output, input := terminal, terminal, terminal, terminal
	redirected.ErrorsTerminal = false
	background.Foreground = false
	output.OutputTerminal = false
	input.InputTerminal = false
	nothing := request.Streams{}
	for _, row := range []struct {
		name        string
		terminal    request.Terminal
		interactive bool
		detach      bool
		caller      request.Streams
		want        string // of t(erminal), i(nput), e(rrors apart)
	}{
		{"at a terminal", auto, false, false, terminal, "ti"},
		{"errors redirected", auto, false, false, redirected, "tie"},
		{"in the background", auto, false, false, background, ""},
		{"output redirected", auto, false, false, output, ""},
		{"input redirected", auto, false, false, input, ""},
		{"no terminal", auto, false, false, nothing, ""},
		{"detached at a terminal", auto, false, true, terminal, ""},
		{"-T", never, false, false, terminal, ""},
		{"-i", never, true, false, terminal, "i"},
		{"-i, no terminal", never, true, false, nothing, "i"},
		{"-i in the background", never, true, false, background, "i"},
		{"-t", always, false, false, terminal, "t"},
		{"-t, no terminal", always, false, false, nothing, "t"},
		{"-it", always, true, false, terminal, "ti"},
		{"-it, errors redirected", always, true, false, redirected, "ti"},
		{"-it, output redirected", always, true, false, output, "ti"},
		{"-it in the background", always, true, false, background, "ti"},
		{"-d -i", never, true, true, nothing, ""},
		{"-d -t", always, false, true, nothing, "t"},
		{"-d -it", always, true, true, nothing, "t"},
	} {
		r, o := asked(), observed()
		r.Terminal, r.Interactive, r.Detach, o.Streams = row.terminal, row.interactive, row.detach, row.caller
		p := made(t, r, o)
		got := ""
		if p.Terminal {
			got += "t"
		}
		if p.Input {
			got += "i"
		}
		if p.SeparateErrors {
			got += "e"
		}
		if got != row.want {
			t.Errorf("%s: %q, want %q", row.name, got, row.want)
		}
	}
}

func TestTerminalWithoutTerminalInput(t *testing.T) {
	r, o := asked(), observed()
	r.Terminal, r.Interactive = request.TerminalAlways, true
	_, err := plan.New(r, o)
	if exit.Status(err) != exit.Failed || err == nil || err.Error() != "-it: standard input is not a terminal" {
		t.Errorf("%v", err)
	}
}

// A command in the host's file system that is started locally inherits the caller's streams.
func TestHostsCommandInheritsStreams(t *testing.T) {
	r, o := asked(), observed()
	r.Take, o.Streams = ns.SetOf(ns.Net), terminal
	p := made(t, r, o)
	if !p.InheritsStreams() || p.Streams != (plan.Streams{}) || !strings.Contains(p.String(), "streams      the caller's own\n") {
		t.Errorf("inherits %t, %+v: %s", p.InheritsStreams(), p.Streams, p)
	}
	r.Detach = true
	if made(t, r, o).InheritsStreams() {
		t.Error("detached it inherits them, too")
	}
}

// Through the engine it needs -i, and a warning says so if there is input to read.
func TestWarningAboutInput(t *testing.T) {
	for _, row := range []struct {
		take        ns.Set
		command     []string
		interactive bool
		waits, want bool
	}{
		{ns.SetOf(ns.Net), []string{"cat"}, false, true, true},
		{ns.SetOf(ns.Net), []string{"cat"}, false, false, false},
		{ns.SetOf(ns.Net), []string{"cat"}, true, true, false},
		{ns.All(), []string{"cat"}, false, true, false}, // like docker exec
		{ns.All(), nil, false, true, true},              // a shell that reads nothing
		{ns.All(), nil, true, true, false},
		{ns.All(), []string{plan.ToolsShell}, false, true, true}, // of docker nsjoin debug
		{ns.All(), []string{plan.ToolsShell, "-c", "cat"}, false, true, false},
	} {
		r, o := asked(), observed()
		r.Take, r.Interactive, r.Command = row.take, row.interactive, row.command
		remote(r, o)
		o.InputWaits = row.waits
		got := strings.Contains(strings.Join(made(t, r, o).Warnings, "\n"), "standard input is not passed on")
		if got != row.want {
			t.Errorf("%s, -i %t, input waits %t: said %t", row.take, row.interactive, row.waits, got)
		}
	}
}

// A command that processes of another container can see holds no descriptor of its container.
func TestSharesNull(t *testing.T) {
	r, o := asked(), observed()
	if !made(t, r, o).SharesNull() {
		t.Error("it is not the container's own")
	}
	r.Overrides = map[ns.Kind]request.Source{ns.PID: {From: request.FromContainer, Name: "app", PID: appPID}}
	o.Overrides = map[ns.Kind]plan.Process{ns.PID: process(appPID, docker())}
	if made(t, r, o).SharesNull() {
		t.Error("another container sees it")
	}
}
