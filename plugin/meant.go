package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/pflag"

	"github.com/nsjoin/docker-nsjoin/pkg/engine"
	"github.com/nsjoin/docker-nsjoin/pkg/exit"
	"github.com/nsjoin/docker-nsjoin/pkg/ns"
	"github.com/nsjoin/docker-nsjoin/pkg/plan"
	"github.com/nsjoin/docker-nsjoin/pkg/request"
)

// What follows guesses what a user meant whose words could not be obeyed, for the hint of the
// error. Each hint is a command, or a part of one, that works as it stands.

// containerName is what the engine allows as a container's name.
var containerName = regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9_.-]+$`)

// flagError is an error about a flag with its hint.
func flagError(commandPath string, err error) error {
	hint := commandPath + " --help shows the options"
	if invalid, ok := errors.AsType[*pflag.InvalidValueError](err); ok {
		if meant := meantValue(invalid.GetFlag().Name, invalid.GetValue()); meant != "" {
			hint = meant
		}
	}
	return exit.Hint(errors.New(strings.TrimSpace(err.Error())), "%s", hint)
}

// meantValue is the hint about a flag's value; "" for none.
func meantValue(flag, value string) string {
	switch {
	case flag == "only" || flag == "except":
		return meantKinds(flag, value)
	case flag != "network" && !slices.ContainsFunc(kindFlags, func(f kindFlag) bool { return f.name == flag }):
		return ""
	}
	number, err := strconv.ParseInt(value, 10, 32)
	switch {
	case err == nil && number > 0:
		return fmt.Sprintf("a process of the host is --%s pid:%d", flag, number)
	case path.IsAbs(value):
		return fmt.Sprintf("a file is --%s ns:%s", flag, plan.QuoteArg(value))
	case value == "none":
		return fmt.Sprintf("one of its own is --%s private", flag)
	case value == "container" || value == "container:" || slices.Contains([]string{"bridge", "default", "shareable"}, value):
		return fmt.Sprintf("name the container that has it: --%s container:NAME", flag)
	case containerName.MatchString(value):
		return fmt.Sprintf("that of a container is --%s container:%s", flag, value)
	}
	return ""
}

// meantKinds is the hint about a container where kinds are expected.
func meantKinds(flag, value string) string {
	mistyped := func(k ns.Kind) bool {
		return strings.HasPrefix(value, k.String()) || strings.HasPrefix(k.String(), value)
	}
	if !containerName.MatchString(value) || slices.ContainsFunc(ns.Kinds(), mistyped) {
		return ""
	}
	return fmt.Sprintf("--%s takes kinds of namespaces, and the container comes behind it: docker nsjoin --%s net %s", flag, flag, value)
}

// asGiven are the options of this call as they were typed, args being what follows them. Where they
// may hold a secret they are "…".
func (o *options) asGiven(args []string) []string {
	begin := slices.Index(os.Args, "nsjoin") + 1
	end := len(os.Args) - len(args)
	if begin == 0 || end < begin {
		return nil
	}
	if o.env.Len() > 0 {
		return []string{"…"}
	}
	return os.Args[begin:end]
}

// line is a call of docker nsjoin as a shell takes it. What is behind the first words of a long command
// is left out.
func line(parts ...[]string) string {
	const most = 16
	words := []string{"docker"}
	if i := slices.Index(os.Args, "nsjoin"); i > 0 {
		words = append(words, os.Args[1:i]...) // the Docker CLI's own options
	}
	words = slices.Concat(append([][]string{words, {"nsjoin"}}, parts...)...)
	more := ""
	if len(words) > most {
		words, more = words[:most], " …"
	}
	for i, w := range words {
		if w != "…" {
			words[i] = plan.QuoteArg(w)
		}
	}
	return strings.Join(words, " ") + more
}

// misplaced are the options of ours that a command begins with, and what follows them.
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

// optionWords is how many words an option takes that begins with this one: 0 for none of ours.
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

func wordsOf(f *pflag.Flag, assigned bool) int {
	switch {
	case f == nil:
		return 0
	case f.NoOptDefVal != "" || assigned:
		return 1
	}
	return 2
}

// meantCommand is the hint for a command that will not be found; "" for none. args are all
// that follows the options.
func (o *options) meantCommand(args []string, noBase bool) string {
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

// withoutDashes are the options as given, without the -- behind them.
func (o *options) withoutDashes(args []string) []string {
	given := o.asGiven(args)
	if n := len(given); n > 0 && given[n-1] == "--" {
		return given[:n-1]
	}
	return given
}

// meantBase adds to the error that there is no such container as the first argument names what was
// probably meant.
func (o *options) meantBase(ctx context.Context, inspector engine.Inspector, r *request.Request, args []string, err error) error {
	missing, ok := errors.AsType[*engine.NoContainerError](err)
	if !ok || r.Base.From != request.FromContainer || missing.Name != r.Base.Name || r.Base.Name != args[0] {
		return err
	}
	if o.noEngine.wanted {
		return err // there is none to ask about other containers
	}
	hint := o.meantInstead(ctx, inspector, args)
	if hint == "" {
		return err
	}
	return &exit.Error{Status: exit.Status(err), Err: err, Hint: hint}
}

func (o *options) meantInstead(ctx context.Context, inspector engine.Inspector, args []string) string {
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

// kindFlag is a flag that takes one kind from elsewhere.
type kindFlag struct {
	kind        ns.Kind
	name, usage string
}
