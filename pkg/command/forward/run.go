package forward

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"github.com/moby/term"

	"github.com/nsjoin/docker-nsjoin/pkg/audit"
	"github.com/nsjoin/docker-nsjoin/pkg/dockercli"
	"github.com/nsjoin/docker-nsjoin/pkg/engine"
	"github.com/nsjoin/docker-nsjoin/pkg/enginehost"
	"github.com/nsjoin/docker-nsjoin/pkg/execopts"
	"github.com/nsjoin/docker-nsjoin/pkg/exit"
	"github.com/nsjoin/docker-nsjoin/pkg/forward"
	"github.com/nsjoin/docker-nsjoin/pkg/forward/container"
	"github.com/nsjoin/docker-nsjoin/pkg/forward/control"
	"github.com/nsjoin/docker-nsjoin/pkg/forward/detach"
	"github.com/nsjoin/docker-nsjoin/pkg/forward/listen"
	"github.com/nsjoin/docker-nsjoin/pkg/forward/spec"
	"github.com/nsjoin/docker-nsjoin/pkg/interrupt"
	"github.com/nsjoin/docker-nsjoin/pkg/request"
	"github.com/nsjoin/docker-nsjoin/pkg/state"
)

// call is a call that forwards, in the foreground or in the background.
type call struct {
	*options
	groups  []spec.Group
	host    *enginehost.Host
	audit   audit.Request
	printer *printer
	starter *detach.Starter // nil in the foreground
}

func (o *options) run(ctx context.Context, args []string) error {
	groups, err := o.groups(args)
	if err != nil {
		return err
	}
	if err := absolute(groups); err != nil {
		return err
	}
	ctx, stop := interrupt.Until(ctx, func(signal int) error { return exit.CommandStatus(exit.Signalled(signal)) })
	defer stop()
	if o.detach && !o.cli.Background && !o.dryRun && len(groups[0].Forwards) > 0 {
		return o.startInBackground(ctx)
	}
	c := &call{options: o, groups: groups, printer: &printer{
		out: os.Stdout, errs: os.Stderr, name: o.cli.Name, json: o.format == jsonLines, verbose: o.verbose, untilStop: o.untilStop,
	}}
	if !o.cli.Background {
		return c.start(ctx)
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	c.starter = detach.Connect(func() { cancel(detach.ErrEnded) })
	c.printer.out, c.printer.errs = c.starter.Out(), c.starter.Err()
	err = c.start(ctx)
	if err != nil {
		c.starter.Failed(o.cli.Name.Report(c.starter.Err(), err))
	}
	return err
}

// startInBackground runs the call again in the background, and ends when that is ready.
func (o *options) startInBackground(ctx context.Context) error {
	status, err := detach.Start(ctx, os.Args, append(dockercli.Variables(), terminalVariables...), detach.Output{
		Out: os.Stdout, Err: os.Stderr, Note: o.note,
	})
	if err != nil {
		return err
	}
	return exit.CommandStatus(status)
}

// terminalVariables are about the terminal, which a process in the background does not have.
var terminalVariables = []string{"TERM", "COLORTERM", "TERM_PROGRAM", "COLUMNS", "LINES", "SSH_TTY", "WINDOWID"}

// note tells the user at a terminal what goes on.
func (o *options) note(text string) {
	if term.IsTerminal(os.Stderr.Fd()) {
		fmt.Fprintf(os.Stderr, "%s: %s\n", o.cli.Name, text)
	}
}

// start finds the containers and forwards.
func (c *call) start(ctx context.Context) error {
	host, err := enginehost.Open(c.cli, c.options.host)
	if err != nil {
		return err
	}
	defer host.Close()
	c.host, host.Stderr = host, c.printer.errs
	if c.audit, err = execopts.AuditOf(c.cli); err != nil {
		return err
	}
	dir := host.Connection.Register().State
	control.Sweep(dir)
	switch {
	case c.dryRun:
		return c.printPlans(ctx)
	case len(c.groups[0].Forwards) == 0:
		return c.printListening(ctx)
	}
	served, err := control.Record(dir, c.entry(), c.cli.Background)
	if err != nil {
		if c.cli.Background {
			return fmt.Errorf("--detach: docker nsjoin forward rm could not find it: %w", err)
		}
		c.cli.Debug("docker nsjoin forward ls will not show this: " + err.Error())
	}
	stopGuard, err := served.StartGuard(dir)
	if err != nil {
		c.cli.Debug("what this call makes will not be removed if it is killed: " + err.Error())
	}
	defer stopGuard()
	defer served.Close()
	ctx, stop := c.untilUnread(ctx)
	defer stop()
	session, err := forward.New(c.containers(), c.forwardOptions(served.Others(dir)))
	if err != nil {
		return err
	}
	if text := servesAll(runtime.GOOS, c.anyUser, c.groups); text != "" {
		c.printer.warnOnce(text)
	}
	served.Serve(session)
	err = session.Run(ctx, func() error {
		if c.starter == nil {
			return nil
		}
		return c.starter.Ready()
	})
	if _, attacked := errors.AsType[*forward.AttackError](err); attacked || errors.Is(err, forward.ErrRemoved) {
		return exit.CommandStatus(exit.Failed) // the event was printed
	}
	return withHint(err)
}

// withHint adds what the user can do if a forward cannot listen.
func withHint(err error) error {
	failed, ok := errors.AsType[*forward.ListenError](err)
	if !ok {
		return err
	}
	if facing, ok := errors.AsType[*forward.FacingError](err); ok && facing.ID != "" {
		return exit.Hint(err, "docker nsjoin forward rm %s ends the other one", facing.ID)
	}
	isPath, reverse := failed.Listen.Network == spec.Unix, failed.Reverse
	switch inUse, denied := listen.IsInUse(err), listen.IsDenied(err); {
	case inUse && isPath:
		return exit.Hint(err, "choose another name for the socket")
	case inUse && reverse:
		return exit.Hint(err, "-R 0:PORT takes a free port in the container")
	case inUse:
		return exit.Hint(err, "0:PORT takes a free port; docker nsjoin forward ls shows your other forwards")
	case denied && isPath && reverse:
		return exit.Hint(err, "-u chooses the user who makes the socket in the container")
	case denied && isPath:
		return exit.Hint(err, "choose a directory in which you may make files")
	case denied && reverse:
		return exit.Hint(err, "a port from 1024 upwards needs no privilege: -R 8080:80")
	case denied:
		return exit.Hint(err, "a port from 1024 upwards needs no privilege: 8080:80")
	}
	return err
}

// entry returns what the record says about the call.
func (c *call) entry() state.Entry {
	const bytesOfName = 8
	name := make([]byte, bytesOfName)
	_, _ = rand.Read(name) // it does not fail
	register := c.host.Connection.Register()
	e := state.Entry{Name: hex.EncodeToString(name), Endpoint: register.Endpoint, Context: register.Context, Began: time.Now(), PID: os.Getpid()}
	for _, g := range c.groups {
		for _, f := range g.Forwards {
			if path := f.Listen.Path; !f.Reverse && filepath.IsAbs(path) {
				e.Sockets = append(e.Sockets, path)
			}
		}
	}
	return e
}

// containers returns the containers of the call.
func (c *call) containers() []forward.Container {
	list := make([]forward.Container, 0, len(c.groups))
	for _, g := range c.groups {
		source := c.source(g)
		for _, f := range g.Forwards {
			if f.Reverse {
				source.Opened = c.warnIfShared
			}
		}
		list = append(list, forward.Container{Name: g.Container, Source: source, Forwards: g.Forwards})
	}
	return list
}

// source returns what finds the container of a group.
func (c *call) source(g spec.Group) *container.Container {
	unix := false
	for _, f := range g.Forwards {
		unix = unix || f.Reverse && f.Listen.Network == spec.Unix || !f.Reverse && f.Target.Network == spec.Unix
	}
	return &container.Container{
		Host: execopts.Named{Host: c.host}, Typed: g.Container, User: c.user, Unix: unix, Audit: c.audit, Wait: c.wait, FollowName: c.followName, UntilStop: c.untilStop,
		Note: c.tell,
	}
}

// tell tells the user what goes on; at a terminal only.
func (c *call) tell(text string) {
	if c.starter != nil {
		c.starter.Note(text)
		return
	}
	c.note(text)
}

// warnIfShared warns if others reach what listens in the container.
func (c *call) warnIfShared(ctx context.Context, found *request.Container, answers engine.Answers) {
	lister, err := c.host.Engine()
	if err != nil {
		return
	}
	with, err := container.Sharing(ctx, lister, c.host.Connection.HelperIDs, found, answers)
	if err != nil {
		c.cli.Debug(err.Error())
		return
	}
	if text := sharedText(found.Name, with); text != "" {
		c.printer.warnOnce(text)
	}
}

// sharedText says who else can connect to what -R listens on, "" if nobody.
func sharedText(name, with string) string {
	switch with {
	case "":
		return ""
	case container.HostNetwork:
		return fmt.Sprintf("-R: every user of the engine's host can connect to it, since %s has the host's network", name)
	}
	return fmt.Sprintf("-R: %s can connect to it too, through the network that is shared with %s", with, name)
}

func (c *call) forwardOptions(others func(context.Context) []forward.Status) forward.Options {
	return forward.Options{
		Addresses: c.addresses, AnyUser: c.anyUser, Wait: c.wait, UntilStop: c.untilStop, Others: others,
		Quiet: !c.verbose, Report: c.printer.event, Note: c.tell,
	}
}
