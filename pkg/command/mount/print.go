package mount

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/nsjoin/docker-nsjoin/pkg/audit"
	"github.com/nsjoin/docker-nsjoin/pkg/dockercli"
	"github.com/nsjoin/docker-nsjoin/pkg/engine"
	"github.com/nsjoin/docker-nsjoin/pkg/enginehost"
	"github.com/nsjoin/docker-nsjoin/pkg/mounts"
	"github.com/nsjoin/docker-nsjoin/pkg/printable"
	"github.com/nsjoin/docker-nsjoin/pkg/request"
)

// print prints the helper's answer.
func (o *options) print(host *enginehost.Host, r *request.Request, answers engine.Answers, answer *mounts.Answer) (err error) {
	switch {
	case answer.Plan != nil:
		text, err := planText(*answer.Plan, r.DryRun)
		if err == nil {
			_, err = io.WriteString(os.Stdout, text)
		}
		return err
	case r.Mount.Action == request.MountList:
		waiting := keepers(host.Connection.Register(), r.Base.Container.ID)
		return o.list(os.Stdout, answer.Mounts, waiting, answers, r.Base.Name)
	}
	warnings := answer.Warnings
	if source := string(r.Mount.Source); r.Mount.Action == request.MountAttach && r.Mount.From == nil && len(warnings) == 0 && leadsTo(source, o.socket) {
		warnings = []string{source + " leads to the engine's socket: the container's root can become root of the host with it"}
	}
	for _, text := range warnings {
		host.Name().Warn(o.errs(), text)
	}
	done := answer.Done
	o.done = done
	switch {
	case done == nil:
	case r.Mount.Action == request.MountDetach && done.Target != r.Mount.Target: // it was named by a link, or was moved
		_, err = fmt.Fprintf(o.out(), "%s is no longer at %s in %s\n",
			printable.Text(done.What()), printable.Text(string(done.Target)), r.Base)
	case r.Mount.Action == request.MountAttach:
		until := "until it stops or restarts"
		if o.keeper != nil {
			until = "and will be mounted again after each start"
		}
		_, err = fmt.Fprintf(o.out(), "%s is at %s in %s %s\n", printable.Text(done.What()), printable.Text(string(done.Target)), r.Base, until)
	}
	return err
}

// leadsTo reports whether the engine's socket is at a path or beneath it. The helper knows only where engines usually listen.
func leadsTo(source, socket string) bool {
	return source != "" && socket != "" && (socket == source || strings.HasPrefix(socket, source+"/"))
}

// checkFormat checks the format of --dry-run.
func (o *options) checkFormat(q *request.Mount) error {
	switch {
	case o.dryRun && o.format != string(request.OutputText) && o.format != string(request.OutputJSON):
		return dockercli.UsageError(errors.New("--format of --dry-run must be text or json"))
	case !o.dryRun && q.Action != request.MountList && o.format != string(request.OutputText):
		return dockercli.UsageError(errors.New("--format requires --dry-run, or a list"))
	}
	return nil
}

// by names the caller.
func by(who *audit.Caller) string {
	text := fmt.Sprintf("uid %d", who.UID)
	if who.Login != nil && int(*who.Login) != who.UID { // as with sudo(8)
		text += fmt.Sprintf(" (login %d)", *who.Login)
	}
	if who.Host != "" {
		text += " on " + who.Host
	}
	return text
}
