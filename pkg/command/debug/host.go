package debug

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/nsjoin/docker-nsjoin/pkg/engine"
	"github.com/nsjoin/docker-nsjoin/pkg/enginehost"
	"github.com/nsjoin/docker-nsjoin/pkg/execopts"
	"github.com/nsjoin/docker-nsjoin/pkg/exit"
	"github.com/nsjoin/docker-nsjoin/pkg/joinopts"
	"github.com/nsjoin/docker-nsjoin/pkg/ns"
	"github.com/nsjoin/docker-nsjoin/pkg/request"
)

// hostFlag names --tools host in messages.
const hostFlag = "--tools " + hostWord

// conflictWithHost returns what was given and means nothing with --tools host, and why; "" for nothing.
func (o *options) conflictWithHost() (given, why string) {
	for _, row := range [][2]string{
		{"profile", "the command has your rights"},
		{"user", "the command runs as you"},
		{"copy", "it needs a container that runs"},
		{"network", "it needs a container that runs"},
		{"volumes", "it needs a container that runs"},
		{"pull", "it needs a container that runs"},
		{"helper-image", "the command runs on this machine"},
	} {
		if o.Given(row[0]) {
			return "--" + row[0], row[1]
		}
	}
	if o.copies.Image {
		return "image:", "it needs a container that runs"
	}
	return "", ""
}

// onHost makes r a request for a command of the host's: with the caller's identity, in some namespaces of the container.
// Not in its pid and user namespaces, where the container's processes could open the command's root directory.
func (o *options) onHost(r *request.Request) {
	r.View.Host = true
	r.Take = ns.SetOf(ns.Net, ns.IPC, ns.UTS)
	r.CallerEnv = joinopts.CallerEnv(r)
	if dir, err := os.Getwd(); r.Dir == "" && err == nil {
		r.Dir = request.Word(dir)
	} else if r.Dir == "" {
		r.Dir = "/" // the caller's own has been removed
	}
	if o.Given("command") {
		r.Command = []string{"sh", "-c", o.line}
	}
}

// resolveHost resolves r for a command of the host's.
func (o *options) resolveHost(ctx context.Context, host *enginehost.Host, r *request.Request) (engine.Answers, error) {
	if err := host.RequireHere(hostFlag); err != nil {
		return nil, err
	}
	if !r.TrustContainer && r.DryRun == request.OutputNone {
		host.Note(fmt.Sprintf("in /target no link is followed, and no program of %s is executed (--trust-container permits both); "+
			"host programs that obey files there, such as git (which a prompt may run), make and gdb, still do", r.Base.Name))
	}
	if o.wait {
		if err := exists(ctx, host, r); err != nil {
			return nil, err
		}
		answers, err := waitFor(ctx, host, r)
		if err == nil {
			err = refuseHostProc(host, r)
		}
		return answers, err
	}
	answers, err := execopts.Resolve(ctx, host, r)
	if _, stopped := errors.AsType[*engine.NotRunningError](err); stopped {
		return nil, &exit.Error{
			Status: exit.Status(err), Err: fmt.Errorf("%s: %w", hostFlag, err),
			Hint: fmt.Sprintf("start it, or use --wait; other tools work in a copy of it: %s debug %s", o.Words.Name, o.args[0]),
		}
	}
	if err == nil {
		err = refuseHostProc(host, r)
	}
	return answers, err
}

// refuseHostProc refuses a container that sees the host's processes, and so what the command starts with fewer rights.
func refuseHostProc(host *enginehost.Host, r *request.Request) error {
	if r.TrustContainer {
		return nil
	}
	at, err := host.HostProc(r)
	if err != nil || at == "" {
		return err
	}
	return exit.Hint(fmt.Errorf("view of the host: %s has the host's processes in %s, so it could open what the command starts with fewer rights", r.Base.Quoted(), at),
		"add --trust-container if you trust the processes of %s", r.Base)
}
