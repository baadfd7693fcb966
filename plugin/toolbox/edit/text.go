package edit

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"unicode/utf8"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/tool"
)

// A byte that is not valid UTF-8 is kept as a rune above all characters: saving writes the same byte again.
const invalid = utf8.MaxRune + 1

func decode(line string) []rune {
	runes := make([]rune, 0, len(line))
	for i := 0; i < len(line); {
		r, n := utf8.DecodeRuneInString(line[i:])
		if r == utf8.RuneError && n == 1 {
			r = invalid + rune(line[i])
		}
		runes = append(runes, r)
		i += n
	}
	return runes
}

func encode(line []rune) []byte {
	out := make([]byte, 0, len(line))
	for _, r := range line {
		if r >= invalid {
			out = append(out, byte(r-invalid))
		} else {
			out = utf8.AppendRune(out, r)
		}
	}
	return out
}

// setText splits a file into lines. CR is part of a line's end only if all lines end with it; otherwise it is an
// ordinary character, so that each line keeps its own end.
func (e *editor) setText(text string) {
	e.newline = text == "\n"
	e.noEnd = text != "" && !strings.HasSuffix(text, "\n")
	n := strings.Count(text, "\n")
	e.crlf = n > 0 && strings.Count(text, "\r\n") == n && !strings.HasSuffix(text, "\r")
	text = strings.TrimSuffix(text, "\n")
	e.lines = nil
	for line := range strings.SplitSeq(text, "\n") {
		if e.crlf {
			line = strings.TrimSuffix(line, "\r")
		}
		e.lines = append(e.lines, decode(line))
	}
}

// text returns what is written to the file.
func (e *editor) text() []byte {
	if len(e.lines) == 1 && len(e.lines[0]) == 0 && !e.newline {
		return nil
	}
	end := "\n"
	if e.crlf {
		end = "\r\n"
	}
	var out []byte
	for i, line := range e.lines {
		out = append(out, encode(line)...)
		if i < len(e.lines)-1 || !e.noEnd {
			out = append(out, end...)
		}
	}
	return out
}

// save writes the file: a new one takes the old one's place, where that keeps its owner and its other names and is
// possible. A file that has got the name since it was read is left alone.
func (e *editor) save() error {
	text := e.text()
	info, err := os.Lstat(e.path)
	if e.was == nil || err != nil || !info.Mode().IsRegular() { // a new one, or what a link leads to
		return e.written(tool.Overwrite(e.path, e.was, text))
	}
	if err := unix.Access(e.path, unix.W_OK); err != nil {
		return &os.PathError{Op: "open", Path: e.path, Err: err}
	}
	s, ok := info.Sys().(*syscall.Stat_t)
	if !os.SameFile(info, e.was) || ok && s.Nlink > 1 {
		return e.written(tool.Overwrite(e.path, e.was, text))
	}
	temporary, err := os.CreateTemp(filepath.Dir(e.path), ".edit-*")
	if err == nil {
		_, err = temporary.Write(text)
		if ok && err == nil {
			err = temporary.Chown(int(s.Uid), int(s.Gid))
		}
		err = errors.Join(err, temporary.Chmod(info.Mode()), temporary.Sync(), temporary.Close())
		if err == nil {
			err = os.Rename(temporary.Name(), e.path)
		}
		if err == nil {
			return e.written(nil)
		}
		_ = os.Remove(temporary.Name())
	}
	if tool.InTheWay(err) {
		return e.written(tool.Overwrite(e.path, e.was, text))
	}
	return err
}

// written notes the file that was written, which is now the one that may be written again.
func (e *editor) written(err error) error {
	if err != nil {
		return err
	}
	e.was, err = os.Stat(e.path)
	return err
}
