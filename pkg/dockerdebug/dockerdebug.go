// Package dockerdebug translates calls of docker debug, a command of Docker Desktop, to docker nsjoin debug. A link to
// the plugin that is named docker-debug makes docker debug such a command.
package dockerdebug

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/nsjoin/docker-nsjoin/pkg/exit"
)

// Call is what a call of docker debug means.
type Call struct {
	Words   []string // of the same call of docker nsjoin, without the program's name
	Help    string   // to be printed instead, the help or what a shell may complete; "" for none
	Warning string   // "" for none
}

// options are those of docker debug, https://docs.docker.com/reference/cli/docker/debug/, and two of docker exec, which many
// type without thinking.
type options struct {
	shell, command, host string
	input, tty, help     bool
	flags                *pflag.FlagSet
}

func newOptions() *options {
	o := &options{flags: pflag.NewFlagSet("docker debug", pflag.ContinueOnError)}
	o.flags.StringVarP(&o.command, "command", "c", "", "Run a line of the toolbox's shell instead of an interactive shell")
	o.flags.StringVar(&o.host, "host", "", "Engine to connect to (a URL such as ssh://host)")
	o.flags.StringVar(&o.shell, "shell", "auto", `Shell to use ("bash"|"fish"|"zsh"|"auto"); the toolbox has one, which is like bash`)
	o.flags.BoolVarP(&o.input, "interactive", "i", false, "Pass standard input on; implied at a terminal")
	o.flags.BoolVarP(&o.tty, "tty", "t", false, "Allocate a pseudo-TTY; implied at a terminal")
	o.flags.BoolVarP(&o.help, "help", "h", false, "Print usage")
	return o
}

// Translate translates the words after the program's name. globals returns how many words the Docker CLI's global
// options at the beginning have.
func Translate(typed []string, globals func(words []string) int) (Call, error) {
	var first []string
	if len(typed) > 0 && slices.Contains([]string{cobra.ShellCompRequestCmd, cobra.ShellCompNoDescRequestCmd}, typed[0]) {
		first, typed = typed[:1], typed[1:]
	}
	if len(typed) > 0 && typed[0] == "help" {
		return Call{Help: newOptions().usage()}, nil
	}
	n := globals(typed)
	global, rest := typed[:n], typed[n:]
	if len(rest) > 0 && rest[0] == "debug" {
		rest = rest[1:]
	}
	begin := slices.Concat(first, global)
	o := newOptions()
	if len(first) > 0 {
		return o.complete(begin, rest), nil
	}
	if err := o.flags.Parse(rest); err != nil {
		return Call{}, exit.Hint(errors.New(strings.TrimSpace(err.Error())), "docker nsjoin debug has more options: docker nsjoin debug --help shows them")
	}
	return o.translate(begin)
}

// complete returns what completes the last word of rest: the options here, and containers and images by docker nsjoin debug.
func (o *options) complete(begin, rest []string) Call {
	if len(rest) == 0 {
		return Call{Words: slices.Concat(begin, []string{"nsjoin", "debug"})}
	}
	before, last := rest[:len(rest)-1], rest[len(rest)-1]
	if o.flags.Parse(before) != nil { // last is the value of an option
		if slices.Contains(before[len(before)-1:], "--shell") {
			return offers("auto", "bash", "fish", "zsh")
		}
		return offers()
	}
	if strings.HasPrefix(last, "-") {
		var names []string
		o.flags.VisitAll(func(f *pflag.Flag) { names = append(names, "--"+f.Name) })
		return offers(names...)
	}
	if o.host != "" {
		begin = append(slices.Clone(begin), "--host", o.host)
	}
	return Call{Words: slices.Concat(begin, []string{"nsjoin", "debug"}, o.flags.Args(), rest[len(before):])}
}

// offers returns words that a shell may complete, which chooses among them itself.
func offers(words ...string) Call {
	return Call{Help: strings.Join(append(words, fmt.Sprintf(":%d\n", cobra.ShellCompDirectiveNoFileComp)), "\n")}
}

// translate makes the call of the parsed options. global has the global options.
func (o *options) translate(global []string) (Call, error) {
	c := Call{}
	switch {
	case o.help:
		return Call{Help: o.usage()}, nil
	case o.flags.NArg() == 0:
		return c, exit.Hint(errors.New("which container or image? docker debug [OPTIONS] CONTAINER|IMAGE"), "docker debug --help shows the options")
	case o.flags.NArg() > 1:
		return c, exit.Hint(fmt.Errorf("%q: docker debug takes a container or an image only", o.flags.Arg(1)), "docker debug -c 'COMMAND' CONTAINER runs a command")
	}
	switch o.shell {
	case "auto", "bash":
	case "fish", "zsh":
		c.Warning = "the toolbox has no " + o.shell + ": its own shell, which is like bash, runs instead"
	default:
		return c, exit.Hint(fmt.Errorf("--shell %q: must be bash, fish, zsh or auto", o.shell), "docker debug --help shows the options")
	}
	c.Words = slices.Clone(global)
	if o.host != "" {
		c.Words = append(c.Words, "--host", o.host)
	}
	c.Words = append(c.Words, "nsjoin", "debug")
	if o.input {
		c.Words = append(c.Words, "--interactive")
	}
	if o.tty {
		c.Words = append(c.Words, "--tty")
	}
	if o.flags.Changed("command") {
		c.Words = append(c.Words, "--command", o.command)
	}
	c.Words = append(c.Words, o.flags.Arg(0))
	return c, nil
}

func (o *options) usage() string {
	return `Usage:  docker debug [OPTIONS] CONTAINER|IMAGE

Run a shell with tools in a container or an image. This is docker nsjoin debug with the options of Docker Desktop's docker
debug; docker nsjoin debug --help shows more.

Options:
` + o.flags.FlagUsages()
}
