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

	"github.com/spf13/pflag"

	"github.com/nsjoin/docker-nsjoin/pkg/engine"
	"github.com/nsjoin/docker-nsjoin/pkg/enginehost"
	"github.com/nsjoin/docker-nsjoin/pkg/exit"
	"github.com/nsjoin/docker-nsjoin/pkg/plan"
	"github.com/nsjoin/docker-nsjoin/pkg/request"
)

// misplaced returns the options of docker nsjoin that a command begins with, and what follows them.
func (o *options) misplaced(command []string) (moved, rest []string) {
	for rest = command; len(rest) > 0; {
		n := o.optionWords(rest[0])
		if n == 0 || n > len(rest) {
			break
		}
		moved, rest = append(moved, rest[:n]...), rest[n:]
	}
	return moved, rest
}

// optionWords returns how many words the option has that begins with this one, or 0 if docker nsjoin has
// no such option.
func (o *options) optionWords(word string) int {
	if name, ok := strings.CutPrefix(word, "--"); ok {
		name, _, assigned := strings.Cut(name, "=")
		return wordsOf(o.flags.Lookup(name), assigned)
	}
	letters, ok := strings.CutPrefix(word, "-")
	if !ok || letters == "" {
		return 0
	}
	for i := range len(letters) {
		n := wordsOf(o.flags.ShorthandLookup(letters[i:i+1]), i+1 < len(letters))
		if n == 0 {
			return 0
		}
		if o.flags.ShorthandLookup(letters[i:i+1]).NoOptDefVal == "" {
			return n // the rest is its value
		}
	}
	return 1
}

// wordsOf returns how many words a flag has, if its value is assigned by = or follows.
func wordsOf(f *pflag.Flag, assigned bool) int {
	switch {
	case f == nil:
		return 0
	case f.NoOptDefVal != "" || assigned:
		return 1
	}
	return 2
}

// commandHint returns the hint for a command that will not be found, or "". args is all that follows the
// options.
func (o *options) commandHint(args []string, noBase bool) string {
	if noBase {
		if len(args) == 0 || o.only.given || o.except.given || slices.ContainsFunc(o.sources[:], func(f sourceFlag) bool { return f.given }) {
			return ""
		}
		return "with -- in front there is no container; in one it is " + line(o.withoutDashes(args), args)
	}
	moved, rest := o.misplaced(args[1:])
	switch {
	case len(args) > 2 && args[1] == "--" && !strings.HasPrefix(args[2], "-"):
		return "the command follows the container without --: " + line(o.asGiven(args), args[:1], args[2:])
	case len(args) == 2 && strings.ContainsAny(args[1], " \t\n"):
		return "a line for a shell: " + line(o.asGiven(args), args[:1], []string{"sh", "-c"}, args[1:])
	case len(moved) == 0:
		return ""
	}
	if slices.ContainsFunc(moved, func(word string) bool { return strings.HasPrefix(word, "-e") || strings.HasPrefix(word, "--env") }) {
		return "options go before the container: docker nsjoin OPTIONS " + plan.QuoteArg(args[0]) + " COMMAND"
	}
	return "options go before the container: " + line(o.asGiven(args), moved, args[:1], rest)
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
	moved, rest := o.misplaced(args[1:])
	if len(rest) > 0 && containerName.MatchString(rest[0]) {
		if found, err := inspector.ContainerInspect(ctx, rest[0]); err == nil && found.ContainerJSONBase != nil {
			return fmt.Sprintf("%s is a container: %s", plan.QuoteArg(rest[0]), line(o.asGiven(args), moved, rest))
		}
	}
	if number, err := strconv.ParseInt(name, 10, 32); err == nil && number > 0 {
		return "a process of the host is " + line(o.asGiven(args), []string{"pid:" + name}, args[1:])
	}
	if file := strings.TrimPrefix(name, "ns:"); path.IsAbs(file) {
		return "a namespace's file gives one kind: docker nsjoin --net ns:" + plan.QuoteArg(file) + " -- COMMAND"
	}
	if slices.Contains([]string{"exec", "run", "attach", "enter", "shell"}, name) {
		return "docker nsjoin CONTAINER COMMAND runs a command in a container"
	}
	if _, err := exec.LookPath(name); err != nil {
		return ""
	}
	if slices.ContainsFunc(o.sources[:], func(f sourceFlag) bool { return f.given }) {
		return "for a command on the host: " + line(o.asGiven(args), []string{"--"}, args)
	}
	return "the container comes before the command: " + line(o.asGiven(args), []string{"CONTAINER"}, args)
}
