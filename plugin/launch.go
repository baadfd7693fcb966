package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"

	"github.com/moby/term"

	"github.com/nsjoin/docker-nsjoin/pkg/engine"
	"github.com/nsjoin/docker-nsjoin/pkg/exit"
	"github.com/nsjoin/docker-nsjoin/pkg/launch"
	"github.com/nsjoin/docker-nsjoin/pkg/plan"
	"github.com/nsjoin/docker-nsjoin/pkg/request"
)

// launch starts the helper for r, a request that was resolved, where the way leads
// that was asked for. It returns nil where the command's exit status is 0.
func (o *options) launch(ctx context.Context, cli *dockerCLI, connection *engine.Connection, program *launch.Program, r *request.Request, answers engine.Answers) error {
	way, why, err := chooseWay(o.via, connection, r, answers.Configured(r))
	if err != nil {
		return err
	}
	if o.why != "" {
		why = o.why
	}
	cli.debug(fmt.Sprintf("via %s: %s", way, why))
	if o.dryRun {
		r.Via = fmt.Sprintf("%s: %s", way, why)
	}
	if way == launch.Local {
		caller, err := connectCLI(cli.parent)
		if err != nil {
			return err
		}
		return program.Launch(r, caller)
	}
	status, err := viaEngine(ctx, cli.parent, connection, o.spec(r, answers), r)
	if err != nil {
		return err
	}
	return exit.CommandStatus(status)
}

// chooseWay chooses the way to the engine's host for r, a request that was resolved,
// and says why. configured is what the container was made with that the command is in; nil where
// nothing is to run there.
func chooseWay(asked launch.Via, connection *engine.Connection, r *request.Request, configured *plan.Configured) (way launch.Via, why string, err error) {
	onSocket, err := connection.Local()
	if err != nil {
		return "", "", err
	}
	return launch.Choose(asked, launch.FindFacts(r, onSocket, configured))
}

// startHelper starts the helper for r in a container that is like s. Warnings go to
// stderr.
func startHelper(ctx context.Context, connection *engine.Connection, s engine.Spec, r *request.Request, stderr io.Writer) (*engine.Helper, error) {
	r.Call = launch.NewCall()
	s.Call, s.Args = r.Call, launch.Args(r.Call)
	archive := func(arch string) (io.Reader, error) {
		onSocket, err := connection.Local()
		if err != nil {
			return nil, err
		}
		return launch.Archive(r, arch, !onSocket)
	}
	return connection.StartHelper(ctx, s, archive, func(text string) { exit.Warn(stderr, text) })
}

// spec is what the helper's container is to be like.
func (o *options) spec(r *request.Request, answers engine.Answers) engine.Spec {
	s := engine.NewSpec(r, answers)
	if o.helperImage != "" {
		s.Image, s.ImageGiven = o.helperImage, true
	}
	return s
}

// viaEngine runs the helper in a container of the engine and attends it.
func viaEngine(ctx context.Context, cli parent, connection *engine.Connection, s engine.Spec, r *request.Request) (int, error) {
	stdin, stdout, stderr := term.StdStreams()
	in, _ := term.GetFdInfo(stdin)
	c := &client{parent: cli, connection: connection, request: r, stdin: stdin, stdout: stdout, stderr: stderr, terminal: in}
	r.Client = &request.Client{
		Streams: callerStreams(), Null: [3]bool{isNull(os.Stdin), isNull(os.Stdout), isNull(os.Stderr)},
		InputFile: r.Interactive && isRegular(os.Stdin), InputWaits: !r.Interactive && inputWaits(os.Stdin),
	}
	var err error
	if c.streams, err = plan.DecideStreams(r, r.Client.Streams); err != nil {
		return 0, err
	}
	r.Client.OneOutput = !c.streams.Terminal && sameFile(os.Stdout, os.Stderr)
	c.raw = c.streams.Terminal && c.streams.Input
	if c.streams.Terminal {
		r.Client.Rows, r.Client.Columns = c.size()
	}
	r.CallerEnv = hostEnvironment(r.CallerEnv)
	r.Audit.Client = claim()
	signals, stop := takeSignals()
	defer stop()
	ctx, interrupt := context.WithCancel(ctx)
	defer interrupt()
	started := make(chan struct{})
	early := make(chan os.Signal, 1)
	go func() {
		for {
			select {
			case s := <-signals:
				// A resize, or a stop, is no reason to give up.
				if !endsProcess(s) {
					continue
				}
				early <- s
				interrupt()
			case <-started:
			}
			return
		}
	}()
	h, err := startHelper(ctx, connection, s, r, stderr)
	close(started)
	if err != nil {
		if len(early) > 0 {
			return 0, errors.New("interrupted before the command ran")
		}
		return 0, err
	}
	return c.attend(ctx, h, signals)
}

// hostEnvironment is what a command has on the engine's host: nothing of the
// caller's, who may be on another machine, but for his terminal.
func hostEnvironment(callers []string) []string {
	env := []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", "USER=root", "LOGNAME=root"}
	return append(env, terminalVariables(callers)...)
}

// terminalVariables are those of an environment that are about its terminal.
func terminalVariables(env []string) []string {
	var list []string
	for _, assignment := range env {
		if name, _, _ := strings.Cut(assignment, "="); name == "TERM" || name == "COLORTERM" {
			list = append(list, assignment)
		}
	}
	return list
}

// isNull tells whether an open file is the null device. On Windows all devices and pipes
// are one file, since only what is on a disk has a number.
func isNull(f *os.File) bool {
	st, err := f.Stat()
	if err != nil || st.Mode()&os.ModeCharDevice == 0 || isTerminal(f) {
		return false
	}
	null, err := os.Stat(os.DevNull)
	return err == nil && os.SameFile(st, null)
}

// isRegular tells whether an open file is a regular one.
func isRegular(f *os.File) bool {
	st, err := f.Stat()
	return err == nil && st.Mode().IsRegular()
}

// sameFile tells whether two open files are the same one, for all that can be known.
func sameFile(a, b *os.File) bool {
	of, err := a.Stat()
	if err != nil {
		return false
	}
	other, err := b.Stat()
	if err != nil || !os.SameFile(of, other) {
		return false
	}
	return runtime.GOOS != "windows" || of.Mode().IsRegular() || isTerminal(a) && isTerminal(b)
}

func isTerminal(f *os.File) bool {
	_, is := term.GetFdInfo(f)
	return is
}
