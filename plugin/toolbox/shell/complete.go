package shell

import (
	"os"
	"path"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
	"mvdan.cc/sh/v3/interp"
)

const (
	entryLimit     = 20000 // of a directory that are looked at
	candidateLimit = 200   // that are shown
)

// lineSigns stand for a newline and a tab in the line editor.
const lineSigns = "⏎␉"

// special are the characters that a word needs a backslash before.
const special = " \t\\'\"$`&|;<>()*?[#~=%!{"

// complete completes the word that ends at pos, which is counted in characters.
func (s *shell) complete(line string, pos int) (head string, candidates []string, tail string) {
	runes := []rune(line)
	head, tail = string(runes[:pos]), string(runes[pos:])
	start := wordStart(head)
	word := unquote(head[start:])
	before := strings.TrimRight(head[:start], " \t")
	command := before == "" || strings.HasSuffix(before, "|") || strings.HasSuffix(before, ";") ||
		strings.HasSuffix(before, "&") || strings.HasSuffix(before, "(")
	head = head[:start]
	switch {
	case strings.HasPrefix(word, "$"):
		candidates = s.variables(word)
	case command && !strings.Contains(word, "/"):
		candidates = s.commands(word)
	default:
		candidates = s.paths(word, command)
	}
	// The line editor would make newlines and tabs of these signs: a file's name would be a command.
	candidates = slices.DeleteFunc(candidates, func(one string) bool { return strings.ContainsAny(one, lineSigns) })
	slices.Sort(candidates)
	candidates = slices.Compact(candidates)
	if len(candidates) > candidateLimit {
		candidates = candidates[:candidateLimit]
	}
	if len(candidates) == 1 && !strings.HasSuffix(candidates[0], "/") && tail == "" {
		candidates[0] += " "
	}
	return head, candidates, tail
}

// wordStart returns where the last word begins.
func wordStart(text string) int {
	start := 0
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '\\':
			i++
		case ' ', '\t', '|', ';', '&', '(', '<', '>', '=', '\'', '"':
			start = i + 1
		}
	}
	return min(start, len(text))
}

func unquote(word string) string {
	var out strings.Builder
	for i := 0; i < len(word); i++ {
		if word[i] == '\\' && i+1 < len(word) {
			i++
		}
		out.WriteByte(word[i])
	}
	return out.String()
}

func quote(name string) string {
	var out strings.Builder
	for _, r := range name {
		if strings.ContainsRune(special, r) {
			out.WriteByte('\\')
		}
		out.WriteRune(r)
	}
	return out.String()
}

func (s *shell) variables(word string) (found []string) {
	for name := range s.runner.Vars {
		if strings.HasPrefix("$"+name, word) {
			found = append(found, "$"+name)
		}
	}
	return found
}

// commands returns builtins, functions and programs in PATH.
func (s *shell) commands(word string) (found []string) {
	for _, name := range []string{"cd", "command", "eval", "exec", "exit", "export", "history", "read", "set", "source", "trap", "type", "umask", "unset", "wait"} {
		if strings.HasPrefix(name, word) && interp.IsBuiltin(name) {
			found = append(found, name)
		}
	}
	for name := range s.runner.Funcs {
		if strings.HasPrefix(name, word) {
			found = append(found, name)
		}
	}
	for dir := range strings.SplitSeq(s.runner.Vars["PATH"].String(), ":") {
		if !path.IsAbs(dir) {
			dir = path.Join(s.runner.Dir, dir)
		}
		for _, entry := range entries(dir) {
			if strings.HasPrefix(entry.Name(), word) && !entry.IsDir() && printable(entry.Name()) == entry.Name() {
				found = append(found, quote(entry.Name()))
			}
		}
	}
	return found
}

// paths returns files, and directories with a slash. Names with control characters are left out: they would reach
// the terminal.
func (s *shell) paths(word string, command bool) (found []string) {
	dir, prefix := path.Split(word)
	at := dir
	if strings.HasPrefix(dir, "~/") {
		at = s.runner.Vars["HOME"].String() + dir[1:]
	}
	if !path.IsAbs(at) {
		at = s.runner.Dir + "/" + at
	}
	shown := quote(dir)
	if strings.HasPrefix(dir, "~/") {
		shown = "~" + quote(dir[1:])
	}
	for _, entry := range entries(at) {
		name := entry.Name()
		if !strings.HasPrefix(name, prefix) || prefix == "" && name[0] == '.' || printable(name) != name {
			continue
		}
		mode := entry.Type()
		if mode&os.ModeSymlink != 0 {
			if info, err := os.Stat(at + "/" + name); err == nil {
				mode = info.Mode()
			}
		}
		switch {
		case mode.IsDir():
			found = append(found, shown+quote(name)+"/")
		case !command || executable(at+"/"+name):
			found = append(found, shown+quote(name))
		}
	}
	return found
}

func executable(file string) bool {
	info, err := os.Stat(file)
	return err == nil && info.Mode()&0o111 != 0
}

// entries returns the entries of a directory, up to a limit.
func entries(dir string) []os.DirEntry {
	// With O_DIRECTORY, a FIFO of this name is not waited for.
	d, err := os.OpenFile(dir, os.O_RDONLY|unix.O_DIRECTORY, 0)
	if err != nil {
		return nil
	}
	defer d.Close()
	list, _ := d.ReadDir(entryLimit)
	return list
}
