package pager

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/mattn/go-runewidth"

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/screen"
	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/tool"
)

var errPattern = errors.New("Invalid pattern") //nolint:revive,staticcheck // as less says it

// compile returns a pattern. GNU's signs for the begin and the end of a word are known.
func (p *pager) compile(text string) (*regexp.Regexp, error) {
	expression := strings.NewReplacer(`\\`, `\\`, `\<`, `\b`, `\>`, `\b`).Replace(text)
	if p.o.ignoreAll || p.o.ignoreCase && !strings.ContainsFunc(text, unicode.IsUpper) {
		expression = "(?i)" + expression
	}
	re, err := regexp.Compile(expression)
	if err != nil {
		return nil, errPattern
	}
	return re, nil
}

// matches returns the places in a line that are to be marked.
func (p *pager) matches(line []byte) [][]int {
	if p.pattern == nil || p.hidden || p.inverse {
		return nil
	}
	text, at := p.plain(line)
	found := p.pattern.FindAllIndex(text, 10000)
	if at != nil {
		for i := range found {
			found[i] = []int{at[found[i][0]], at[found[i][1]]}
		}
	}
	return found
}

// searches asks for a pattern, and goes to it.
func (p *pager) searches(backward bool, n int) {
	text, ok := p.line(map[bool]string{false: "/", true: "?"}[backward])
	if !ok {
		return
	}
	if text != "" && text != "!" {
		inverse := strings.HasPrefix(text, "!")
		re, err := p.compile(strings.TrimPrefix(text, "!"))
		if err != nil {
			p.message = err.Error()
			return
		}
		p.pattern, p.inverse = re, inverse
		p.backward, p.hidden = backward, false
		p.find(backward, n, true)
		return
	}
	p.backward = backward
	p.again(false, n)
}

// again repeats a search, or goes the other way.
func (p *pager) again(reverse bool, n int) {
	if p.pattern == nil {
		p.message = "No previous regular expression"
		return
	}
	p.hidden = false
	p.find(p.backward != reverse, n, false)
}

// find goes to the n-th line that matches. The first search of a pattern begins with the first line on the screen.
func (p *pager) find(backward bool, n int, first bool) {
	at, ok := p.top.line, true
	if backward {
		if first {
			at = p.below()
		}
		at, ok = p.lineBefore(at)
	} else if !first {
		at, ok = p.searchOn(at)
	}
	if first && !backward && p.top.row > 0 {
		at, ok = p.searchOn(at)
	}
	for looked := 0; ok && at < p.doc.size; looked++ {
		text, _ := p.plain(p.lineAt(at))
		if p.pattern.Match(text) != p.inverse {
			if n--; n == 0 {
				p.jump(at)
				return
			}
		}
		if looked%10000 == 9999 && p.scr.Interrupted() {
			return
		}
		if backward {
			at, ok = p.lineBefore(at)
		} else {
			at, ok = p.searchOn(at)
		}
	}
	if !p.quit {
		p.message = "Pattern not found"
	}
}

// below returns where the line behind the screen begins.
func (p *pager) below() int64 {
	at, full := p.bottom()
	if !full {
		return p.doc.size
	}
	line, _ := p.nextLine(at.line)
	return line
}

// searchOn returns the next line, and waits for it in a stream.
func (p *pager) searchOn(from int64) (int64, bool) {
	for {
		at, ok := p.nextLine(from)
		if ok && (p.doc.ended || p.doc.lineEnd(at) < p.doc.size) {
			return at, true
		}
		if p.doc.ended || !p.more() {
			return at, ok
		}
	}
}

// filters asks for the pattern of lines that are shown.
func (p *pager) filters() {
	text, ok := p.line("&/")
	if !ok {
		return
	}
	p.cached = -1
	if text == "" || text == "!" {
		p.filter = nil
		return
	}
	re, err := p.compile(strings.TrimPrefix(text, "!"))
	if err != nil {
		p.message = err.Error()
		return
	}
	p.filter, p.without = re, strings.HasPrefix(text, "!")
	p.top.row = 0
	if !p.passes(p.top.line, p.doc.lineEnd(p.top.line)) {
		if at, ok := p.nextLine(p.top.line); ok {
			p.top = pos{at, 0}
		}
	}
}

// asks shows what is being typed.
func (p *pager) asks(text string) {
	if len(p.pending) > 0 {
		return
	}
	p.message = ""
	p.typed = text
	p.draw()
	p.typed = ""
}

// line reads a line at the bottom. It returns false if it was given up.
func (p *pager) line(question string) (string, bool) {
	text := ""
	for {
		p.asks(question + text)
		switch k := p.key(); {
		case k == '\r' || k == '\n':
			return text, true
		case k == screen.Escape || k == screen.Interrupt || k == screen.Control('G'):
			return "", false
		case k == screen.Ended:
			p.quit = true
			return "", false
		case k == screen.Backspace || k == screen.Control('H'):
			if text == "" {
				return "", false
			}
			_, n := utf8.DecodeLastRuneInString(text)
			text = text[:len(text)-n]
		case k == screen.Control('U'):
			text = ""
		case k == screen.Control('W'):
			text = strings.TrimRight(text, " ")
			text = text[:strings.LastIndexByte(text, ' ')+1]
		case k >= ' ' && k < screen.Meta:
			text += string(rune(k))
		}
	}
}

// prompt returns the last line of the screen.
func (p *pager) prompt() screen.Line {
	long := p.position()
	var parts []string
	switch {
	case p.typed != "":
		return screen.Line{Text: p.fitting(tool.Printable(p.typed))}
	case p.follows:
		return screen.Line{Text: p.fitting("Waiting for data... (interrupt to abort)"), Style: "7"}
	case p.message != "":
		return screen.Line{Text: p.fitting(tool.Printable(p.message) + "  (press RETURN)"), Style: "7"}
	case p.help != nil:
		return screen.Line{Text: p.fitting("HELP -- Press RETURN for more, or q when done"), Style: "7"}
	}
	if (p.fresh || p.o.prompt == 2) && p.doc.name != "" {
		parts = append(parts, tool.Printable(p.doc.name))
	}
	if p.fresh && len(p.files) > 1 {
		parts = append(parts, fmt.Sprintf("(file %d of %d)", p.at+1, len(p.files)))
	}
	if p.o.prompt > 0 && long != "" {
		parts = append(parts, strings.ReplaceAll(long, "  ", " "))
	}
	if p.atEnd {
		parts = append(parts, "(END)")
		if p.at+1 < len(p.files) {
			parts = append(parts, "- Next: "+tool.Printable(p.files[p.at+1]))
		}
		if p.doc.failed != nil {
			parts = append(parts, tool.Printable(p.doc.failed.Error()))
		}
	}
	text := strings.Join(parts, " ")
	if p.filter != nil {
		text = "& " + text
	}
	if text == "" || text == "& " {
		return screen.Line{Text: text + ":"}
	}
	return screen.Line{Text: p.fitting(text), Style: "7"}
}

// fitting shortens a text for the last line, so that the cursor has room behind it.
func (p *pager) fitting(text string) string { return runewidth.Truncate(text, p.scr.Columns-1, "") }

// position is what -m and -M show.
func (p *pager) position() string {
	if p.o.prompt == 0 {
		return ""
	}
	at, full := p.bottom()
	end := p.doc.size
	if full {
		end = p.doc.lineEnd(at.line)
	}
	percent := ""
	if p.doc.ended && p.doc.size > 0 && !p.atEnd {
		percent = fmt.Sprintf("%d%%", end*100/p.doc.size)
	}
	if p.o.prompt == 1 {
		return percent
	}
	first, _ := p.doc.number(p.top.line, p.scr.Interrupted)
	last, _ := p.doc.number(at.line, p.scr.Interrupted)
	text := fmt.Sprintf("lines %d-%d", first, last)
	if p.doc.ended && p.doc.size > 0 {
		all, _ := p.doc.number(p.doc.lineStart(p.doc.size), p.scr.Interrupted)
		text += fmt.Sprintf("/%d", all)
	}
	if percent != "" {
		text += "  " + percent
	}
	return text
}

// info is what = shows.
func (p *pager) info() string {
	was, fresh := p.o.prompt, p.fresh
	p.o.prompt, p.fresh = 2, true
	defer func() { p.o.prompt, p.fresh = was, fresh }()
	at, full := p.bottom()
	end := p.doc.size
	if full {
		end = p.doc.lineEnd(at.line)
	}
	place := fmt.Sprintf("byte %d", end)
	if p.doc.ended {
		place += fmt.Sprintf("/%d", p.doc.size)
	}
	lines, percent, _ := strings.Cut(p.position(), "  ")
	parts := []string{p.doc.name, lines, place}
	if p.doc.name == "" {
		parts = parts[1:]
	}
	if percent != "" {
		parts = append(parts, percent)
	}
	if p.atEnd {
		parts = append(parts, "(END)")
	}
	return strings.Join(parts, " ")
}
