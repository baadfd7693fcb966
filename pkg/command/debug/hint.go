package debug

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"

	"github.com/nsjoin/docker-nsjoin/pkg/engine"
	"github.com/nsjoin/docker-nsjoin/pkg/engine/standin"
	"github.com/nsjoin/docker-nsjoin/pkg/exit"
	"github.com/nsjoin/docker-nsjoin/pkg/toolbox"
)

// notFoundHint returns the hint for a command that will not be found. args are the container and the command.
func (o *options) notFoundHint(args []string) string {
	if hint := o.CommandHint(args, []string{"-c"}); hint != "" {
		return hint
	}
	if o.tools.kind == hostTools {
		return ""
	}
	if len(args) > 1 && slices.Contains([]string{"emacs", "pico", "vi", "view", "vim"}, args[1]) {
		return "the toolbox's editor is nano"
	}
	return fmt.Sprintf("%s debug --list-tools shows the tools; --tools IMAGE takes those of an image", o.Words.Name)
}

// hintTarget replaces the error that neither a container nor an image has the name of the first argument by one with a
// hint.
func (o *options) hintTarget(ctx context.Context, inspector engine.Inspector, err error) error {
	if !errors.Is(err, standin.ErrNoImage) {
		return err
	}
	err = fmt.Errorf("no such container or image: %q", o.args[0])
	if hint := o.targetHint(ctx, inspector); hint != "" {
		return exit.Hint(err, "%s", hint)
	}
	return exit.Hint(err, "docker ps --all lists the containers, docker image ls the images; nothing is pulled")
}

// targetHint returns the hint about a command in place of the container, or "".
func (o *options) targetHint(ctx context.Context, inspector engine.Inspector) string {
	first := o.args[0]
	isLine := strings.ContainsAny(first, " \t\n")
	if !isLine && !slices.Contains(toolbox.Names(runtime.GOARCH), first) {
		return ""
	}
	given, container, after := o.AsGiven(o.args), []string{"CONTAINER"}, o.args[1:]
	moved, rest := o.Misplaced(after)
	if len(rest) > 0 {
		if found, err := inspector.ContainerInspect(ctx, rest[0]); err == nil && found.ContainerJSONBase != nil {
			container, after = rest[:1], rest[1:]
			given = slices.Concat(given, moved)
		}
	}
	if isLine {
		return "to run a shell command line: " + o.Line(given, []string{"-c", first}, container)
	}
	return "the container comes before the command: " + o.Line(given, container, o.args[:1], after)
}
