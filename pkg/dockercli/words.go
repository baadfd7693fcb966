package dockercli

import (
	"slices"
	"strings"

	"github.com/docker/cli/cli/flags"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/nsjoin/docker-nsjoin/pkg/exit"
)

// command is the plugin's command below docker.
const command = "nsjoin"

// Words are the words that the program was started with.
type Words struct {
	Name   exit.Name
	Global []string // the Docker CLI's global options in front
	Own    []string // what follows these, and the plugin's command

	completes bool // the shell asks what could follow
}

// split finds the global options that begin the words.
func (c *CLI) split(typed []string) Words {
	w := Words{Name: c.Name}
	if len(typed) > 0 {
		w.completes = slices.Contains([]string{cobra.ShellCompRequestCmd, cobra.ShellCompNoDescRequestCmd}, typed[0])
		if w.completes || c.Name != exit.Standalone && typed[0] == "help" {
			typed = typed[1:]
		}
	}
	n := globalWords(c.globals, typed)
	w.Global, w.Own = typed[:n], typed[n:]
	if c.Name != exit.Standalone && n < len(typed) && typed[n] == command {
		w.Own = w.Own[1:]
	}
	return w
}

// GlobalWords returns how many words the Docker CLI's global options have that words begin with.
func GlobalWords(words []string) int {
	globals := pflag.NewFlagSet("docker", pflag.ContinueOnError)
	flags.NewClientOptions().InstallFlags(globals)
	return globalWords(globals, words)
}

func globalWords(globals *pflag.FlagSet, typed []string) int {
	n := 0
	for n < len(typed) {
		words := OptionWords(globals, typed[n])
		if words == 0 {
			break
		}
		n = min(n+words, len(typed))
	}
	return n
}

// OptionWords returns how many words the option that begins with word has, or 0 if it is none of the flags.
func OptionWords(flags *pflag.FlagSet, word string) int {
	if name, ok := strings.CutPrefix(word, "--"); ok {
		name, _, assigned := strings.Cut(name, "=")
		return wordsOf(flags.Lookup(name), assigned)
	}
	letters, ok := strings.CutPrefix(word, "-")
	if !ok || letters == "" {
		return 0
	}
	for i := range len(letters) {
		n := wordsOf(flags.ShorthandLookup(letters[i:i+1]), i+1 < len(letters))
		if n == 0 {
			return 0
		}
		if flags.ShorthandLookup(letters[i:i+1]).NoOptDefVal == "" {
			return n // the rest is its value
		}
	}
	return 1
}

// wordsOf returns how many words a flag has. assigned says that its value is in the same word.
func wordsOf(f *pflag.Flag, assigned bool) int {
	switch {
	case f == nil:
		return 0
	case f.NoOptDefVal != "" || assigned:
		return 1
	}
	return 2
}
