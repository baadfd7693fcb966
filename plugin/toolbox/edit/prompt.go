package edit

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/screen"
	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/tool"
)

// ask reads a line at the bottom of the screen. It returns false if it was given up.
func (e *editor) ask(question, answer string) (string, bool) {
	defer func() { e.message = "" }()
	for {
		e.message = question + answer
		switch k := e.key(); {
		case k == screen.Escape || k == screen.Control('C') || k == screen.Control('G') || k == screen.Ended:
			return "", false
		case k == '\r' || k == '\n':
			return answer, true
		case k == screen.Backspace || k == screen.Control('H'):
			if runes := []rune(answer); len(runes) > 0 {
				answer = string(runes[:len(runes)-1])
			}
		case k == screen.Control('U') || k == screen.Control('K'):
			answer = ""
		case k >= ' ' && k < screen.Meta:
			answer += string(rune(k))
		}
	}
}

// choose reads one of some letters. It returns 0 if it was given up.
func (e *editor) choose(question, letters string) rune {
	defer func() { e.message = "" }()
	for {
		e.message = question
		switch k := e.key(); {
		case k == screen.Escape || k == screen.Control('C') || k == screen.Control('G') || k == screen.Ended:
			return 0
		case k > 0 && k < screen.Meta && strings.ContainsRune(letters, unicode.ToLower(rune(k))):
			return unicode.ToLower(rune(k))
		}
	}
}

// store writes the file, and asks for its name before, if that is wanted.
func (e *editor) store(ask bool) bool {
	path := e.path
	if ask {
		name, ok := e.ask("File Name to Write: ", e.path)
		if !ok || name == "" {
			return false
		}
		path = name
	}
	if !e.mayWrite(path) {
		return false
	}
	if err := e.save(); err != nil {
		e.message = tool.Reason(err).Error()
		return false
	}
	e.saved = e.version
	e.message = fmt.Sprintf("Wrote %d lines", len(e.lines))
	return true
}

// mayWrite takes a name for the file, and asks whether another file may be written than the one that was read.
func (e *editor) mayWrite(path string) bool {
	info, err := os.Stat(path)
	if path != e.path {
		if err == nil && e.choose(fmt.Sprintf("%s exists. Write over it? y, n", tool.Printable(path)), "yn") != 'y' {
			return false
		}
		e.path, e.was = path, nil
		if err == nil {
			e.was = info
		}
		return true
	}
	switch {
	case err != nil:
		e.was = nil
	case e.was == nil, !os.SameFile(info, e.was), info.Size() != e.was.Size(), !info.ModTime().Equal(e.was.ModTime()):
		if e.choose("Another program has changed the file. Write over that? y, n", "yn") != 'y' {
			return false
		}
		e.was = info
	}
	return true
}

// leave returns true if the editor is to be left.
func (e *editor) leave() bool {
	if !e.changed() {
		return true
	}
	switch e.choose("Save modified buffer? y, n, or ^C to go on", "yn") {
	case 'y':
		return e.store(true)
	case 'n':
		return true
	}
	return e.gone
}

// search finds the next place of a text, behind the cursor and then from the beginning, or the other way round.
func (e *editor) search(ask, back bool) {
	if ask || e.searched == "" {
		question := "Search: "
		if back {
			question = "Search backwards: "
		}
		if e.searched != "" {
			question = strings.TrimSuffix(question, ": ") + " [" + tool.Printable(e.searched) + "]: "
		}
		text, ok := e.ask(question, "")
		if !ok || text == "" && e.searched == "" {
			return
		}
		if text != "" {
			e.searched = text
		}
	}
	row, column, ok := e.find(e.row, e.column, back)
	if !ok {
		e.message = "\"" + e.searched + "\" not found"
		return
	}
	e.row, e.column = row, column
}

// find returns the next place of the text that is searched.
func (e *editor) find(row, column int, back bool) (int, int, bool) {
	// Not strings.ToLower, which may change the number of characters.
	wanted := strings.Map(unicode.ToLower, e.searched)
	n := len(e.lines)
	for i := range n + 1 {
		at := (row + i) % n
		if back {
			at = (row - i%n + n) % n
		}
		line := e.lines[at]
		from, to := 0, len(line)
		switch {
		case i == 0 && back:
			to = min(len(line), column+utf8.RuneCountInString(wanted)-1)
		case i == 0:
			from = min(column+1, len(line))
		}
		text := strings.Map(unicode.ToLower, string(line[from:max(from, to)]))
		found := strings.Index(text, wanted)
		if back {
			found = strings.LastIndex(text, wanted)
		}
		if found >= 0 {
			return at, from + utf8.RuneCountInString(text[:found]), true
		}
	}
	return 0, 0, false
}

// replaceAll replaces a text by another one, where that is wanted.
func (e *editor) replaceAll() {
	text, ok := e.ask("Search (to replace): ", "")
	if !ok || text == "" {
		return
	}
	with, ok := e.ask("Replace with: ", "")
	if !ok {
		return
	}
	e.searched = text
	count, all := 0, false
	row, column := e.row, e.column-1
	first := true
	for {
		nextRow, nextColumn, found := e.find(row, column, false)
		if !found || !first && (nextRow < row || nextRow == row && nextColumn <= column) { // not again from the beginning
			break
		}
		first = false
		e.row, e.column = nextRow, nextColumn
		row, column = nextRow, nextColumn
		if !all {
			switch e.choose("Replace this instance? y, n, a for all, or ^C", "yna") {
			case 'n':
				continue
			case 'a':
				all = true
			case 0:
				return
			}
		}
		line := slices.Clone(e.lines[row])
		n := utf8.RuneCountInString(text)
		e.replace(row, 1, false, slices.Replace(line, column, column+n, []rune(with)...))
		column += utf8.RuneCountInString(with) - 1
		count++
	}
	e.message = fmt.Sprintf("Replaced %d occurrences", count)
}

// goTo asks for a line, and perhaps a column.
func (e *editor) goTo() {
	text, ok := e.ask("Enter line number, column number: ", "")
	if !ok {
		return
	}
	first, second, _ := strings.Cut(text, ",")
	row, err := strconv.Atoi(strings.TrimSpace(first))
	if err != nil {
		e.message = "Invalid line or column number"
		return
	}
	e.row, e.column = max(0, min(row, len(e.lines))-1), 0
	if column, err := strconv.Atoi(strings.TrimSpace(second)); err == nil {
		e.column = max(0, min(column-1, len(e.lines[e.row])))
	}
}
