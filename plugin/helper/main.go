//go:build linux

// nsjoin-helper joins namespaces and runs a command there. The plugin starts it on the engine's host:
//
//	nsjoin-helper REQUEST [SOCKET]
//	nsjoin-helper watch
//	nsjoin-helper record
//
// REQUEST is the number of a descriptor to read package request's document from, or the path of a file in the
// helper's own container. SOCKET is the number of a connected socket; its hang-up means that the caller has
// ended. The helper starts the other two forms itself: the watchdogs of packages session and recorder.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/pkg/exit"
	"github.com/nsjoin/docker-nsjoin/pkg/join"
	"github.com/nsjoin/docker-nsjoin/pkg/kernel"
	"github.com/nsjoin/docker-nsjoin/pkg/ns"
	"github.com/nsjoin/docker-nsjoin/pkg/observe"
	"github.com/nsjoin/docker-nsjoin/pkg/plan"
	"github.com/nsjoin/docker-nsjoin/pkg/recorder"
	"github.com/nsjoin/docker-nsjoin/pkg/request"
	"github.com/nsjoin/docker-nsjoin/pkg/session"
	"github.com/nsjoin/docker-nsjoin/pkg/stdio"
)

var version = "unknown" // set by the linker

func main() {
	stderr := io.Writer(os.Stderr)
	status, err := run(os.Args[1:], &stderr)
	if err != nil {
		status = exit.Report(stderr, kernel.Explain(err))
	}
	os.Exit(status)
}

// run does what the request asks for and returns the exit status. It sets *stderr to the caller's standard
// error.
func run(args []string, stderr *io.Writer) (int, error) {
	// It was executed by descriptor number, which ps would show as its name.
	_ = os.WriteFile("/proc/self/comm", []byte(join.Name), 0)
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0); err != nil {
		return 0, fmt.Errorf("hide from tracers: %w", err)
	}
	if len(args) == 1 && args[0] == session.WatchdogArg {
		return 0, session.RunWatchdog()
	}
	if len(args) == 1 && args[0] == recorder.WatchdogArg {
		return 0, recorder.RunWatchdog()
	}
	session.RestoreDefaultActions()
	files, err := descriptors(args)
	if err != nil {
		return 0, err
	}
	r, err := request.Read(files[0])
	if err != nil {
		return 0, err
	}
	files[0].Close()
	if r.Survey != nil {
		found, err := observe.Survey(r.Survey)
		if err != nil {
			return 0, err
		}
		return 0, json.NewEncoder(os.Stdout).Encode(found)
	}
	return command(r, files[1], stderr)
}

// command plans the command that r asks for, and prints the plan or carries it out. It returns the exit status.
// socket is the Docker CLI's, or nil.
func command(r *request.Request, socket *os.File, stderr *io.Writer) (int, error) {
	var remote *session.Remote
	if r.Client != nil {
		callerErrors := session.CallerStderr()
		*stderr = callerErrors
		var err error
		if remote, err = session.NewRemote(r.Client, callerErrors); err != nil {
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
		return 0, p.Print(os.Stdout, r.DryRun)
	}
	for _, w := range p.Warnings {
		exit.Warn(*stderr, w)
	}
	record, err := beginRecord(p, r, seen, *stderr)
	if err != nil {
		return 0, err
	}
	var ran outcome
	status, err := execute(p, seen, r.Source(ns.Mnt).PID, socket, remote, &ran)
	if err == nil && status == exit.Signalled(int(unix.SIGKILL)) {
		if why := seen.WhyKilled(r.Source(ns.PID).PID); why != "" {
			err = exit.WithStatus(status, fmt.Errorf("command in %s was killed: %s", p.Target, why))
		}
	}
	if errors.Is(err, join.ErrKilled) {
		if why := seen.WhyKilled(r.Source(ns.PID).PID); why != "" {
			// No retry: the kernel could then kill the container's own processes.
			err = exit.Hint(fmt.Errorf("%w: %s", err, why), "docker stats shows its memory; docker update --memory raises the limit")
		}
	}
	err = seen.Explain(r, err)
	endRecord(record, p, ran, status, err, *stderr)
	return status, err
}

// outcome is the command's outcome, for the record.
type outcome struct {
	child *join.Child // nil if the command did not run
	left  bool        // still running after the detach keys
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

// execute carries out the plan. root is the process whose root directory the command has.
func execute(p *plan.Plan, seen *observe.Observation, root int, socket *os.File, remote *session.Remote, ran *outcome) (int, error) {
	held := join.Held{
		Sources: make(map[int]join.Source), Paths: seen.Paths, Cgroups: seen.Cgroups, Into: seen.CgroupDir,
		TakeBack: seen.MoveToOwnFreezer, Stuck: seen.Stuck,
	}
	for pid, source := range seen.Processes {
		held.Sources[pid] = join.Source{Pidfd: source.SetnsPidfd(), Namespaces: source.Namespaces}
	}
	rootDir, err := seen.OpenRoot(root)
	if err != nil {
		return 0, err
	}
	s, err := session.Prepare(p, rootDir, join.ForkWatchdog, socket, remote)
	if err != nil {
		return 0, err
	}
	defer s.End()
	held.Stdio, held.Beside, held.Unwanted = s.Stdio(), s.Watch, s.Canceled
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
		return 0, s.Release()
	}
	status, err := s.Run(child)
	ran.left = s.Detached()
	return status, err
}

// descriptors opens the request and the optional socket.
func descriptors(args []string) (files [2]*os.File, err error) {
	if len(args) < 1 || len(args) > len(files) {
		return files, errors.New("this is the helper of docker nsjoin " + version + ": only docker nsjoin starts it")
	}
	for i, arg := range args {
		if strings.HasPrefix(arg, "/") {
			if files[i], err = os.Open(arg); err != nil {
				return files, err
			}
			continue
		}
		fd, err := strconv.Atoi(arg)
		if err != nil {
			return files, fmt.Errorf("descriptor %q: %w", arg, err)
		}
		unix.CloseOnExec(fd)
		files[i] = os.NewFile(uintptr(fd), "descriptor "+arg)
	}
	return files, nil
}
