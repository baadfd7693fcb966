package edit

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/tool"
)

// ask reads a line at the bottom of the screen. It returns false if it was given up.
func (e *editor) ask(question, answer string) (string, bool) {
	for {
		e.message = question + answer
		e.draw()
		k, err := e.read()
		switch {
		case err != nil || k == escape || k == control('C') || k == control('G') || k == keyUnknown:
			e.message = ""
			return "", false
		case k == '\r' || k == '\n':
			e.message = ""
			return answer, true
		case k == backspace || k == control('H'):
			if runes := []rune(answer); len(runes) > 0 {
				answer = string(runes[:len(runes)-1])
			}
		case k >= ' ':
			answer += string(rune(k))
		}
	}
}

func (e *editor) store() bool {
	if err := e.save(); err != nil {
		e.message = tool.Reason(err).Error()
		return false
	}
	e.changed = false
	e.message = fmt.Sprintf("%d lines written", len(e.lines))
	return true
}

// leave returns true if the editor is to be left.
func (e *editor) leave() bool {
	if !e.changed {
		return true
	}
	answer, ok := e.ask("Save the changes? y, n, or ESC to go on: ", "")
	switch {
	case !ok || answer == "":
		return false
	case strings.HasPrefix(strings.ToLower(answer), "y"):
		return e.store()
	}
	return strings.HasPrefix(strings.ToLower(answer), "n")
}

// search finds the next place of a text, behind the cursor and then from the beginning.
func (e *editor) search(ask bool) {
	if ask || e.searched == "" {
		text, ok := e.ask("Search: ", e.searched)
		if !ok || text == "" {
			return
		}
		e.searched = text
	}
	for n := range len(e.lines) + 1 {
		row := (e.row + n) % len(e.lines)
		from := 0
		if n == 0 {
			from = min(e.column+1, len(e.lines[row]))
		}
		// Not strings.ToLower, which may change the number of characters.
		text := strings.Map(unicode.ToLower, string(e.lines[row][from:]))
		if at := strings.Index(text, strings.Map(unicode.ToLower, e.searched)); at >= 0 {
			e.row, e.column = row, from+utf8.RuneCountInString(text[:at])
			return
		}
	}
	e.message = "not found: " + e.searched
}

func (e *editor) goTo() {
	text, ok := e.ask("Line: ", "")
	var n int
	if _, err := fmt.Sscan(text, &n); !ok || err != nil {
		return
	}
	e.row, e.column = max(0, min(n, len(e.lines))-1), 0
}
