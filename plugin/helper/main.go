//go:build linux

// nsjoin-helper joins namespaces and runs a command there. The plugin starts it on the engine's host:
//
//	nsjoin-helper REQUEST [SOCKET]
//	nsjoin-helper frames [CAPABILITIES [CONNECTION]]
//	nsjoin-helper many
//	nsjoin-helper keep SECONDS
//	nsjoin-helper hold
//	nsjoin-helper volume PID
//	nsjoin-helper watch
//	nsjoin-helper record
//	nsjoin-helper unlink
//	nsjoin-helper ungroup NAME
//
// REQUEST is the number of a descriptor to read package request's document from. SOCKET is the number of a
// connected socket; its hang-up means that the caller has ended.
//
// In a container, the helper reads the request from frames on standard input. In one that is kept for several
// calls, "keep" is the first process, and CAPABILITIES, a number in hexadecimal digits, is what a call keeps of the
// container's capabilities; the helper adds CONNECTION when it executes itself from memory. "many" starts helpers for one
// client, which has a stream for each. "hold" is the first process
// of a container that stands in for another one. The helper starts the last four forms itself: the watchdogs of packages
// session, recorder, dialer and sibling.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/pkg/dialer"
	"github.com/nsjoin/docker-nsjoin/pkg/exit"
	"github.com/nsjoin/docker-nsjoin/pkg/join"
	"github.com/nsjoin/docker-nsjoin/pkg/keeper"
	"github.com/nsjoin/docker-nsjoin/pkg/kernel"
	"github.com/nsjoin/docker-nsjoin/pkg/ns"
	"github.com/nsjoin/docker-nsjoin/pkg/observe"
	"github.com/nsjoin/docker-nsjoin/pkg/plan"
	"github.com/nsjoin/docker-nsjoin/pkg/recorder"
	"github.com/nsjoin/docker-nsjoin/pkg/request"
	"github.com/nsjoin/docker-nsjoin/pkg/session"
	"github.com/nsjoin/docker-nsjoin/pkg/sibling"
	"github.com/nsjoin/docker-nsjoin/pkg/stdio"
)

var version = "unknown" // set by the linker

func main() {
	to := messages{stdout: os.Stdout, stderr: os.Stderr}
	status, err := run(os.Args[1:], &to)
	if err != nil {
		status = to.program.Report(to.stderr, kernel.Explain(err))
	}
	if to.client != nil {
		_ = to.client.Exit(status) // without it the client asks the engine
	}
	os.Exit(status)
}

// messages is where errors, warnings and answers are written, and the name that messages begin with.
type messages struct {
	stdout  io.Writer
	stderr  io.Writer
	program exit.Name
	client  *session.Outputs // nil if the helper was started on this machine
}

// toClient has everything written to a client that reads frames.
func (to *messages) toClient() {
	to.client = session.ClientOutputs()
	to.stdout, to.stderr = to.client, to.client.Stderr
}

func (to *messages) warn(text string) { to.program.Warn(to.stderr, text) }

// run does what the request asks for and returns the exit status. It sets *to to the caller's standard
// error and the name that the caller knows.
func run(args []string, to *messages) (int, error) {
	// It was executed by descriptor number, which ps would show as its name.
	_ = os.WriteFile("/proc/self/comm", []byte(join.Name), 0)
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0); err != nil {
		return 0, fmt.Errorf("hide from tracers: %w", err)
	}
	if done, err := runWithoutRequest(args); done {
		return 0, err
	}
	session.RestoreDefaultActions()
	if len(args) > 0 && args[0] == request.FramesArg {
		to.toClient()
	}
	if len(args) == 1 && args[0] == request.ManyArg {
		to.toClient()
		return 0, many(to)
	}
	r, socket, err := readRequest(args, to.client)
	if err != nil {
		return 0, err
	}
	keepProgram(r)
	to.program = exit.Name(r.Program)
	if r.Survey != nil {
		found, err := observe.Survey(r.Survey)
		if err != nil {
			return 0, err
		}
		for i := range found.Containers {
			addMounts(&found.Containers[i], r.Call != "")
		}
		return 0, json.NewEncoder(to.stdout).Encode(found)
	}
	if r.Forward != nil {
		return forward(r, socket, to)
	}
	if r.Mount != nil {
		return 0, mount(r, to)
	}
	return command(r, socket, to)
}

// runWithoutRequest does what the arguments ask for if they name no request. Else done is false.
func runWithoutRequest(args []string) (done bool, err error) {
	switch len(args) {
	case 1:
		switch args[0] {
		case session.WatchdogArg:
			return true, session.RunWatchdog()
		case recorder.WatchdogArg:
			return true, recorder.RunWatchdog()
		case dialer.WatchdogArg:
			return true, dialer.RunWatchdog()
		case holdArg:
			return true, hold()
		}
	case 2: //nolint:mnd // with the group's name, or the time
		switch args[0] {
		case sibling.WatchdogArg:
			return true, sibling.RunWatchdog(args[1])
		case keeper.Arg:
			return true, keep(args[1])
		case volumeArg:
			return true, holdVolume(args[1])
		}
	}
	return false, nil
}

// command plans the command that r asks for, and prints the plan or carries it out. It returns the exit status.
// socket is the Docker CLI's, or nil.
func command(r *request.Request, socket *os.File, to *messages) (int, error) {
	var remote *session.Remote
	if r.Client != nil {
		var err error
		if remote, err = session.NewRemote(r.Client, to.client); err != nil {
			return 0, err
		}
	}
	seen, err := observe.Observe(r)
	if err != nil {
		return 0, err
	}
	readCaller(r, seen)
	p, err := plan.New(r, &seen.Facts)
	if err != nil {
		return 0, err
	}
	if r.DryRun != request.OutputNone {
		return 0, p.Print(to.stdout, r.DryRun)
	}
	for _, w := range p.Warnings {
		to.warn(w)
	}
	seen.Settle()
	record, err := beginRecord(p, r, seen, to)
	if err != nil {
		return 0, err
	}
	var ran outcome
	status, err := execute(r, p, seen, socket, remote, &ran)
	killed := err == nil && status == exit.Signalled(int(unix.SIGKILL))
	if killed || errors.Is(err, join.ErrKilled) { // no retry: the kernel could then kill the container's own processes
		if why, hint := seen.WhyKilled(r.Source(ns.PID)); why != "" {
			if killed {
				err = exit.WithStatus(status, fmt.Errorf("command in %s was killed: %s", p.Target, why))
			} else {
				err = fmt.Errorf("%w: %s", err, why)
			}
			if hint != "" {
				err = exit.Hint(err, "%s", hint)
			}
		}
	}
	err = seen.Explain(r, err)
	endRecord(record, p, ran, status, err, to)
	return status, err
}

// outcome is the command's outcome, for the record.
type outcome struct {
	child *join.Child // nil if the command did not run
	left  bool        // still running after the detach keys
	// forward says that sockets were served instead of a command.
	forward bool
	// running means that it may still run: detached from the start, or by the keys.
	running bool
	done    bool // there is no command, and all was done
}

// readCaller adds facts about the caller's standard streams, and the terminal types that the command's root
// directory describes.
func readCaller(r *request.Request, seen *observe.Observation) {
	facts := &seen.Facts
	if r.Client == nil {
		facts.Streams, facts.InputWaits = stdio.Streams(), stdio.InputPending()
	} else {
		facts.Streams, facts.InputWaits = r.Client.Streams, r.Client.InputWaits
	}
	if names := plan.TerminalNames(r, facts.Streams); facts.TargetProcess != nil && len(names) > 0 {
		facts.TargetProcess.Terms = seen.KnownTerms(r.Source(ns.Mnt).PID, names)
	}
}

// execute carries out the plan.
func execute(r *request.Request, p *plan.Plan, seen *observe.Observation, socket *os.File, remote *session.Remote, ran *outcome) (int, error) {
	root := r.Source(ns.Mnt).PID // whose root directory the command has, or the view is of
	tree, err := makeView(r, p, seen.HostPrograms)
	if err != nil {
		return 0, err
	}
	clone, err := makeClone(p, seen)
	if err != nil {
		return 0, err
	}
	held := join.Held{
		Sources: make(map[int]join.Source), Paths: seen.Paths, Cgroups: seen.Cgroups, Into: seen.CgroupDir,
		TakeBack: seen.MoveToOwnFreezer, Stuck: seen.Stuck, Asks: observe.Asks, View: tree, Clone: clone,
	}
	group, err := leaveFrozen(p, seen, &held)
	if err != nil {
		return 0, err
	}
	defer func() { group.End(ran.running) }()
	for pid, source := range seen.Processes {
		held.Sources[pid] = join.Source{Pidfd: source.SetnsPidfd(), Namespaces: source.Namespaces}
	}
	rootDir, err := seen.OpenRoot(root)
	if err != nil {
		return 0, err
	}
	s, err := prepare(p, rootDir, socket, remote)
	if err != nil {
		return 0, err
	}
	defer s.End()
	held.Stdio, held.Meanwhile, held.Unwanted = s.Stdio(), s.Watch, s.Canceled
	if p.InheritsStreams() {
		if held.Inherited, err = session.Inherited(); err != nil {
			return 0, err
		}
	}
	child, err := join.Start(p, held, s.Begin)
	if errors.Is(err, join.ErrInterrupted) {
		return 0, fmt.Errorf("join %s: %w", p.Target, err)
	}
	if failed, ok := errors.AsType[*join.NotExecutedError](err); ok {
		if why := seen.WhyNotExecuted(p, root, failed.Err); why != nil {
			// The file exists, so a hint about a missing file would mislead.
			failed.Err = why
			err = exit.WithStatus(exit.Status(err), failed)
			if known, ok := errors.AsType[*exit.Error](why); ok {
				err = exit.Hint(err, "%s", known.Hint)
			}
		}
	}
	if err != nil {
		return 0, err
	}
	ran.child = child
	defer child.Release()
	if p.Detach {
		ran.running = true
		return 0, s.Release()
	}
	status, err := s.Run(child)
	ran.left = s.Detached()
	ran.running = ran.left
	return status, err
}

// prepare makes the command's streams, for which it opens files of the container.
func prepare(p *plan.Plan, root, socket *os.File, remote *session.Remote) (s *session.Session, err error) {
	open := func() (err error) {
		s, err = session.Prepare(p, root, join.ForkWatchdog, socket, remote)
		return err
	}
	if remote == nil {
		err = open()
		return s, err
	}
	if err = observe.Answered(open); errors.Is(err, observe.ErrSilent) {
		return nil, fmt.Errorf("open the null device or a terminal of %q: %w", p.Target, err)
	}
	return s, err
}

// holdArg is the argument of the first process of a container that stands in for another one.
const holdArg = "hold"

// hold waits until the client that is attached to standard input has ended.
func hold() error {
	_, err := io.Copy(io.Discard, os.Stdin)
	return err
}

// readRequest reads the request, and opens the optional socket. client is nil if the helper was started on this machine.
func readRequest(args []string, client *session.Outputs) (r *request.Request, socket *os.File, err error) {
	if len(args) > 0 && args[0] == request.FramesArg {
		r, err = readFrames(client, args[1:])
		return r, nil, err
	}
	var files [2]*os.File
	if len(args) < 1 || len(args) > len(files) {
		return nil, nil, errors.New("this is the helper of docker nsjoin " + version + ": only docker nsjoin starts it")
	}
	for i, arg := range args {
		fd, err := strconv.Atoi(arg)
		if err != nil {
			return nil, nil, fmt.Errorf("descriptor %q: %w", arg, err)
		}
		unix.CloseOnExec(fd)
		files[i] = os.NewFile(uintptr(fd), "descriptor "+arg)
	}
	defer files[0].Close()
	r, err = request.Read(files[0])
	return r, files[1], err
}
