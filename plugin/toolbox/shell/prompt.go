package shell

import (
	"context"
	"os"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/sys/unix"
	"mvdan.cc/sh/v3/syntax"
)

// nameVariable is the environment variable with the name that the prompt shows. docker nsjoin debug sets it to the
// container's name.
const nameVariable = "NSJOIN_NAME"

// setPrompt sets PS1, unless the environment has one and no name is to be shown.
func (s *shell) setPrompt() {
	ps1 := os.Getenv("PS1")
	if name := printable(os.Getenv(nameVariable)); name != "" {
		ps1 = strings.ReplaceAll(name, `\`, `\\`) + `:\w \$ `
	}
	if ps1 == "" {
		ps1 = `\w \$ `
	}
	quoted, err := syntax.Quote(ps1, syntax.LangBash)
	if err != nil {
		return
	}
	if assignment, err := syntax.NewParser().Parse(strings.NewReader("PS1="+quoted), ""); err == nil {
		_ = s.runner.Run(context.Background(), assignment.Stmts[0])
	}
}

// prompt expands PS1. It takes at most half of a line: with less than ten columns beside the prompt the line editor
// would not edit. A longer one has only the last part of the directory, or is left out.
func (s *shell) prompt() string {
	ps1 := s.runner.Vars["PS1"].String()
	most := 40
	if size, err := unix.IoctlGetWinsize(0, unix.TIOCGWINSZ); err == nil && size.Col > 0 {
		most = int(size.Col) / 2
	}
	for _, shorter := range []string{ps1, strings.ReplaceAll(ps1, `\w`, `\W`)} {
		if text := s.expand(shorter); utf8.RuneCountInString(text) <= most {
			return text
		}
	}
	return s.escape('$') + " "
}

// expand expands PS1. The line editor takes no control characters, so escape sequences are left out.
func (s *shell) expand(ps1 string) string {
	var out strings.Builder
	hidden := false
	for i := 0; i < len(ps1); i++ {
		if ps1[i] != '\\' || i+1 == len(ps1) {
			if !hidden {
				out.WriteByte(ps1[i])
			}
			continue
		}
		i++
		switch ps1[i] {
		case '[':
			hidden = true
		case ']':
			hidden = false
		default:
			if !hidden {
				out.WriteString(s.escape(ps1[i]))
			}
		}
	}
	return printable(out.String())
}

// escape returns what a letter after \ in PS1 stands for.
func (s *shell) escape(letter byte) string {
	switch letter {
	case '$':
		if os.Geteuid() == 0 {
			return "#"
		}
		return "$"
	case 'w', 'W':
		dir := s.runner.Dir
		if home := s.runner.Vars["HOME"].String(); home != "" && home != "/" && (dir == home || strings.HasPrefix(dir, home+"/")) {
			dir = "~" + strings.TrimPrefix(dir, home)
		}
		if letter == 'W' && strings.Count(dir, "/") > 0 && dir != "/" {
			dir = dir[strings.LastIndex(dir, "/")+1:]
		}
		return dir
	case 'h', 'H':
		name, _ := os.Hostname()
		if letter == 'h' {
			name, _, _ = strings.Cut(name, ".")
		}
		return name
	case 'u':
		return s.runner.Vars["USER"].String()
	case 's':
		return s.name
	case '\\':
		return `\`
	case 'n':
		return "\n"
	case 'a', 'e', 'r':
		return ""
	}
	return `\` + string(letter)
}

// printable removes control characters, and sequences that begin with ESC [.
func printable(text string) string {
	for {
		before, after, ok := strings.Cut(text, "\x1b[")
		if !ok {
			break
		}
		end := strings.IndexFunc(after, unicode.IsLetter)
		text = before + after[end+1:]
	}
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return -1
	}, text)
}
