package shell

import (
	"os"
	"path"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/accounts"
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
	start, open := wordStart(head)
	word := head[start:]
	if open == 0 {
		word = unquote(word)
	}
	before := strings.TrimRight(head[:start], " \t")
	command := before == "" || strings.HasSuffix(before, "|") || strings.HasSuffix(before, ";") ||
		strings.HasSuffix(before, "&") || strings.HasSuffix(before, "(")
	if open != 0 {
		before = strings.TrimRight(strings.TrimSuffix(before, string(open)), " \t")
	}
	first, _, _ := strings.Cut(strings.TrimLeft(before[strings.LastIndexAny(before, "|;&(")+1:], " \t"), " ")
	head = head[:start]
	switch {
	case strings.HasPrefix(word, "$") && open != '\'':
		candidates = s.variables(word)
	case strings.HasPrefix(word, "~") && !strings.Contains(word, "/") && open == 0:
		candidates = users(word)
	case command && !strings.Contains(word, "/"):
		candidates = s.commands(word)
	default:
		candidates = s.paths(word, command, first == "cd" || first == "pushd" || first == "rmdir", open)
	}
	// The line editor would make newlines and tabs of these signs: a file's name would be a command.
	candidates = slices.DeleteFunc(candidates, func(one string) bool { return strings.ContainsAny(one, lineSigns) })
	slices.Sort(candidates)
	candidates = slices.Compact(candidates)
	if len(candidates) > candidateLimit {
		candidates = candidates[:candidateLimit]
	}
	if len(candidates) == 1 && !strings.HasSuffix(candidates[0], "/") && tail == "" {
		if open != 0 {
			candidates[0] += string(open)
		}
		candidates[0] += " "
	}
	return head, candidates, tail
}

// wordStart returns where the last word begins, and the quote that is open there, or 0.
func wordStart(text string) (start int, open byte) {
	for i := 0; i < len(text); i++ {
		c := text[i]
		switch {
		case c == '\\' && open != '\'':
			i++
		case open != 0:
			if c == open {
				open = 0
			}
		case c == '\'' || c == '"':
			open, start = c, i+1
		case strings.IndexByte(" \t|;&(<>=", c) >= 0:
			start = i + 1
		}
	}
	return min(start, len(text)), open
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
		for _, form := range []string{"$" + name, "${" + name + "}"} {
			if strings.HasPrefix(form, word) && (strings.HasPrefix(word, "${") || form[1] != '{') {
				found = append(found, form)
			}
		}
	}
	return found
}

// users returns the home directories of users, as ~NAME.
func users(word string) (found []string) {
	for _, name := range accounts.Users().Names() {
		if strings.HasPrefix("~"+name, word) && printable(name) == name {
			found = append(found, "~"+name+"/")
		}
	}
	return found
}

// builtins are the builtins and words of the language that are completed.
var builtins = strings.Fields("alias bg break cd command continue declare dirs disown eval exec exit export fc fg for function getopts " +
	"hash history if jobs let local logout mapfile popd pushd read readarray readonly return select set shift shopt source time times trap " +
	"type typeset ulimit umask unalias unset until wait while")

// commands returns builtins, functions and programs in PATH.
func (s *shell) commands(word string) (found []string) {
	for _, name := range builtins {
		if strings.HasPrefix(name, word) {
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
//
// In open quotes nothing else is quoted.
func (s *shell) paths(word string, command, directories bool, open byte) (found []string) {
	quote := quote
	if open != 0 {
		quote = func(name string) string { return name }
	}
	dir, prefix := path.Split(word)
	at := dir
	if strings.HasPrefix(dir, "~/") && open == 0 {
		at = s.runner.Vars["HOME"].String() + dir[1:]
	} else if user, below, ok := strings.Cut(dir, "/"); ok && strings.HasPrefix(user, "~") && open == 0 {
		at = accounts.Home(user[1:]) + "/" + below
	}
	if !path.IsAbs(at) {
		at = s.runner.Dir + "/" + at
	}
	shown := quote(dir)
	if strings.HasPrefix(dir, "~") && open == 0 {
		shown = "~" + quote(dir[1:])
	}
	for _, entry := range entries(at) {
		name := entry.Name()
		if !strings.HasPrefix(name, prefix) || prefix == "" && name[0] == '.' || printable(name) != name || open != 0 && strings.IndexByte(name, open) >= 0 {
			continue
		}
		switch {
		case leadsToDirectory(at, entry):
			found = append(found, shown+quote(name)+"/")
		case directories:
		case !command || executable(at+"/"+name):
			found = append(found, shown+quote(name))
		}
	}
	return found
}

// leadsToDirectory reports whether an entry is a directory, or a link to one.
func leadsToDirectory(dir string, entry os.DirEntry) bool {
	if entry.Type()&os.ModeSymlink == 0 {
		return entry.IsDir()
	}
	info, err := os.Stat(dir + "/" + entry.Name())
	return err == nil && info.IsDir()
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
