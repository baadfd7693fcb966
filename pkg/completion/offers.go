package completion

import (
	"strings"

	"github.com/spf13/cobra"
)

// Args has the shell offer what f returns for a command's arguments.
func Args(cmd *cobra.Command, f cobra.CompletionFunc) { cmd.ValidArgsFunction = checked(f) }

// Flag has the shell offer what f returns for the value of a command's flag.
func Flag(cmd *cobra.Command, name string, f cobra.CompletionFunc) {
	_ = cmd.RegisterFlagCompletionFunc(name, checked(f)) // which fails if the command does not have the flag
}

// Flags does what Flag does, for several flags.
func Flags(cmd *cobra.Command, functions map[string]cobra.CompletionFunc) {
	for name, f := range functions {
		Flag(cmd, name, f)
	}
}

// Nothing offers nothing, not even files.
func Nothing(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	return nil, cobra.ShellCompDirectiveNoFileComp
}

// checked returns a function that offers what is harmless of the offers of f.
func checked(f cobra.CompletionFunc) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
		offers, directive := f(cmd, args, typed)
		return Harmless(offers), directive
	}
}

// The characters of offers. None of them quotes, expands or ends a word in bash, zsh, fish or PowerShell.
const (
	letters     = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_"
	first       = letters + "./:@"
	inside      = first + "-=,+%"
	explanation = inside + " "
)

// Harmless returns the offers that a shell can be given. An offer is a word, or a word, a tab and a description.
//
// Words and descriptions come from containers: a process there chooses the paths of its sockets, an image its labels.
// bash types the beginning that several offers have in common, unquoted, and the scripts of cobra evaluate the line at the
// next key: `$(reboot)a` and `$(reboot)b` would run a command. So only a word of the characters that names, addresses and
// paths usually have is offered, and none that looks like an option. "~" is not among them: bash expands it after ":" and
// "=", too. A description is one line, with "_" for other characters.
//
// Each word is offered once: if two offers differ in their descriptions only, bash types what these begin with.
func Harmless(offers []string) []string {
	var list []string
	known := make(map[string]bool)
	for _, offer := range offers {
		word, description, described := strings.Cut(offer, "\t")
		if word == "" || known[word] || !strings.ContainsRune(first, rune(word[0])) || strings.Trim(word, inside) != "" {
			continue
		}
		known[word] = true
		if described {
			word = cobra.CompletionWithDesc(word, explained(description))
		}
		list = append(list, word)
	}
	return list
}

// explained returns a description with harmless characters only.
func explained(text string) string {
	const longest = 200 // the shell cuts it to what the terminal is wide
	text = strings.Map(func(r rune) rune {
		if strings.ContainsRune(explanation, r) {
			return r
		}
		return '_'
	}, text)
	return text[:min(longest, len(text))]
}
