package run

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/nsjoin/docker-nsjoin/pkg/engine"
	"github.com/nsjoin/docker-nsjoin/pkg/enginehost"
	"github.com/nsjoin/docker-nsjoin/pkg/exit"
	"github.com/nsjoin/docker-nsjoin/pkg/plan"
	"github.com/nsjoin/docker-nsjoin/pkg/request"
)

// commandHint returns the hint for a command that will not be found, or "". args is all that follows the
// options.
func (o *options) commandHint(args []string, noBase bool) string {
	if noBase {
		if len(args) == 0 || o.KindsGiven() || o.SourcesGiven() {
			return ""
		}
		return "-- in place of the container means the host; to run it in a container: " + o.Line(o.withoutDashes(args), args)
	}
	if hint := o.CommandHint(args, []string{"sh", "-c"}); hint != "" {
		return hint
	}
	return o.debugHint(args)
}

// debugHint returns the hint about a shell that the container does not have, and docker nsjoin debug has, or "". The
// options of this call are also debug's.
func (o *options) debugHint(args []string) string {
	if slices.ContainsFunc([]string{"only", "except", "names", "privileged"}, o.Given) {
		return ""
	}
	if o.SourcesGiven() {
		return ""
	}
	debug := slices.Concat([]string{"debug"}, o.AsGiven(args), args[:1])
	shells := []string{"sh", "bash", "ash", "dash", "zsh", "fish", "ksh"}
	switch {
	case len(args) == 1:
		return fmt.Sprintf("%s has no shell; for one with tools: %s", plan.QuoteArg(args[0]), o.Line(debug))
	case slices.Contains(shells, path.Base(args[1])):
		return "for a shell with tools: " + o.Line(debug)
	}
	return ""
}

// hintContainer adds a hint to the error that no container has the name of the first argument.
func (o *options) hintContainer(ctx context.Context, host *enginehost.Host, r *request.Request, args []string, err error) error {
	missing, ok := errors.AsType[*engine.NoContainerError](err)
	if !ok || r.Base.From != request.FromContainer || missing.Name != r.Base.Name || r.Base.Name != args[0] {
		return err
	}
	if host.Offline() {
		return err // no engine can be asked about other containers
	}
	hint := o.containerHint(ctx, host.Connection, args)
	if hint == "" {
		return err
	}
	return &exit.Error{Status: exit.Status(err), Err: err, Hint: hint}
}

// containerHint returns the hint about a name that no container has, or "".
func (o *options) containerHint(ctx context.Context, inspector engine.Inspector, args []string) string {
	name := args[0]
	if slices.ContainsFunc(o.subcommands(), func(sub *cobra.Command) bool { return sub.Name() == name }) {
		return fmt.Sprintf("the options of %s come after it: %s", name, o.Line([]string{name}, o.AsGiven(args), args[1:]))
	}
	moved, rest := o.Misplaced(args[1:])
	if len(rest) > 0 && canBeContainer(rest[0]) {
		if found, err := inspector.ContainerInspect(ctx, rest[0]); err == nil && found.ContainerJSONBase != nil {
			return fmt.Sprintf("%s is a container: %s", plan.QuoteArg(rest[0]), o.Line(o.AsGiven(args), moved, rest))
		}
	}
	if number, err := strconv.ParseInt(name, 10, 32); err == nil && number > 0 {
		return "for a process of the host: " + o.Line(o.AsGiven(args), []string{"pid:" + name}, args[1:])
	}
	if file := strings.TrimPrefix(name, "ns:"); path.IsAbs(file) {
		return fmt.Sprintf("a namespace file provides one kind of namespace, such as net: %s --net ns:%s -- COMMAND", o.Words.Name, plan.QuoteArg(file))
	}
	if slices.Contains([]string{"exec", "run", "attach", "enter", "shell"}, name) {
		return o.Words.Name.String() + " CONTAINER COMMAND runs a command in a container"
	}
	if _, err := exec.LookPath(name); err != nil {
		return ""
	}
	if o.SourcesGiven() {
		return "for a command on the host: " + o.Line(o.AsGiven(args), []string{"--"}, args)
	}
	return "the container comes before the command: " + o.Line(o.AsGiven(args), []string{"CONTAINER"}, args)
}

// withoutDashes returns the options as they were typed, without the -- after them.
func (o *options) withoutDashes(args []string) []string {
	given := o.AsGiven(args)
	if n := len(given); n > 0 && given[n-1] == "--" {
		return given[:n-1]
	}
	return given
}
