package hook

import (
	"slices"
	"strings"
	"unicode"

	"mvdan.cc/sh/v3/syntax"
)

// Mode is how the shell was started, as a letter of $-: c for a command, s for standard input, i at a terminal.
var Mode byte

// SettingNames are the options of set -o.
var SettingNames = strings.Fields(`allexport braceexpand emacs errexit errtrace functrace hashall histexpand history ignoreeof
	interactive-comments keyword monitor noclobber noexec noglob nolog notify nounset onecmd physical pipefail posix privileged verbose vi xtrace`)

// SettingOn reports whether an option of set that can't be changed here is on.
func SettingOn(name string) bool {
	switch name {
	case "braceexpand", "hashall", "interactive-comments":
		return true
	case "emacs", "histexpand", "history", "monitor":
		return Mode == 'i'
	}
	return false
}

// OptionLetters returns $-, with the letters of the options that are always on.
func OptionLetters(set string) string {
	const order, interactive = "abefhimknprtuvxBCEHTPcs", "imH"
	all := set + "hB"
	switch Mode {
	case 'i':
		all += interactive + "s"
	case 'c', 's':
		all += string(rune(Mode))
	}
	letters := []byte(all)
	slices.SortFunc(letters, func(a, b byte) int { return strings.IndexByte(order, a) - strings.IndexByte(order, b) })
	return string(letters)
}

// Settled reports whether an option of shopt makes no difference here: those of lines that are edited, of files that are not read, and
// those that only say more.
func Settled(name string) bool {
	return slices.Contains(strings.Fields(`assoc_expand_once checkhash checkwinsize cmdhist complete_fullquote direxpand dirspell extquote
		force_fignore globasciiranges gnu_errfmt histappend histreedit histverify hostcomplete interactive_comments lithist mailwarn
		no_empty_cmd_completion progcomp progcomp_alias promptvars sourcepath`), name)
}

// Traced quotes a word as bash's set -x does. value says that it is one that is assigned.
func Traced(text string, value bool) string {
	switch {
	case text == "" && value:
		return ""
	case text == "":
		return "''"
	case text == "'":
		return `\'`
	case strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }):
		if quoted, err := syntax.Quote(text, syntax.LangBash); err == nil {
			return quoted
		}
	case strings.ContainsAny(text, " \t\n'\"\\|&;()<>!{}*[?]^$`"), text[0] == '#', strings.ContainsRune("~", rune(text[0])), strings.Contains(text, "=~"), strings.Contains(text, ":~"):
		return Quoted(text)
	}
	return text
}

// Term writes an operand of [[ as set -x does.
func Term(text string) string {
	if text == "" {
		return "''"
	}
	return text
}
