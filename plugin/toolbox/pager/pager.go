package pager

import (
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"time"

	"github.com/mattn/go-runewidth"

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/screen"
	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/tool"
)

// pos is a row of the text: a line, and which of its rows.
type pos struct {
	line int64 // where it begins
	row  int
}

// mark is a place in one of the files.
type mark struct {
	file int
	at   pos
}

// pager is a call of less.
type pager struct {
	o     options
	scr   *screen.Screen
	keys  int // the descriptor that keys come from
	files []string
	at    int // of the files
	doc   *document
	help  *document // what is shown behind the help

	top      pos
	left     int // columns that are not shown
	atEnd    bool
	fresh    bool // the file's name is shown
	moved    bool // the text is not the first one
	starting bool // the keys that are pending were given as arguments
	message  string
	typed    string // what is being typed at the bottom
	failed   bool   // a file could not be shown
	quit     bool
	behind   pos           // before the help
	marks    map[rune]mark // of m
	last     pos           // before the last jump
	pending  []screen.Key
	follows  bool
	window   int // rows of half a screen, or 0
	pattern  *regexp.Regexp
	inverse  bool
	backward bool
	hidden   bool // matches are not marked
	filter   *regexp.Regexp
	without  bool // the filter takes lines without the pattern
	cached   int64
	rows     []row // of the line that was looked at last
}

// endless returns nil if an input has ended.
func endless(err error) error {
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

// run shows the files, and returns the exit status.
func (p *pager) run(name string) int {
	var first error
	for p.at = range p.files {
		if first = p.open(p.at); first == nil {
			break
		}
		fmt.Fprintln(os.Stderr, tool.Reason(first))
	}
	if first != nil {
		return 1
	}
	if p.o.oneScreen && len(p.files) == 1 && !p.binary() && p.fits() {
		return copiedText(p.doc)
	}
	scr, err := screen.Open(screen.Options{Input: p.keys, Stay: p.o.stay})
	if err != nil {
		return tool.Complain(name, err)
	}
	p.scr = scr
	defer scr.Close()
	if p.begin(); !p.admitted() {
		p.failed = true
		p.step(1)
	}
	for !p.quit {
		if len(p.pending) == 0 {
			p.starting = false
			if !p.scr.Waiting() {
				p.draw()
			}
			if p.o.quitAtEnd == 2 && p.atEnd && p.at == len(p.files)-1 {
				break
			}
		}
		p.handle(p.key())
	}
	if p.failed {
		return 1
	}
	return 0
}

// key returns the next key.
func (p *pager) key() screen.Key {
	if len(p.pending) > 0 {
		k := p.pending[0]
		p.pending = p.pending[1:]
		return k
	}
	for {
		k := p.scr.Next(0, p.doc.Ready)
		switch k {
		case screen.Woken:
			p.doc.take()
		case screen.Resized:
			p.cached = -1
		default:
			return k
		}
		p.draw()
	}
}

// more waits for more of a stream. It returns false at the end, or if that was interrupted.
func (p *pager) more() bool {
	for !p.doc.ended {
		p.doc.want()
		p.draw()
		switch k := p.scr.Next(0, p.doc.Ready); k {
		case screen.Woken:
			p.doc.take()
			return true
		case screen.Resized:
		case screen.Interrupt:
			return false
		case screen.Ended:
			p.quit = true
			return false
		case 'q', 'Q':
			if len(p.pending) == 0 || p.starting { // otherwise it may be of a pattern
				p.quit = true
				return false
			}
			p.pending = append(p.pending, k)
		default:
			p.pending = append(p.pending, k)
		}
	}
	return false
}

// readAll waits until a stream has ended, or that is interrupted.
func (p *pager) readAll() {
	for goesOn := true; goesOn; {
		goesOn = p.more()
	}
}

// draw shows the text from the top.
func (p *pager) draw() {
	if p.doc.ended && p.top.line > p.doc.size {
		p.top = pos{}
	}
	lines := make([]screen.Line, 0, p.scr.Rows)
	at, ok := p.top, p.doc.size > 0 && p.top.line < p.doc.size
	if p.filter != nil && ok && !p.passes(at.line, p.doc.lineEnd(at.line)) {
		line, found := p.nextLine(at.line)
		at, ok = pos{line, 0}, found
	}
	var content []byte
	var marks [][]int
	read := int64(-1)
	for len(lines) < p.height() && ok {
		if read != at.line {
			content, read = p.lineAt(at.line), at.line
			marks = p.matches(content)
		}
		rows := p.rowsOf(at.line)
		text := p.show(content, rows[min(at.row, len(rows)-1)], marks)
		if p.o.numbers {
			text = p.numbered(at) + text
		}
		lines = append(lines, screen.Line{Text: text})
		at, ok = p.nextRow(at)
	}
	p.atEnd = !ok && p.doc.ended
	if !p.doc.ended && len(lines) < p.height() {
		p.doc.want()
	}
	for len(lines) < p.height() && p.doc.ended && (p.moved || p.top != (pos{})) { // a short text has its prompt just below
		lines = append(lines, screen.Line{Text: "~"})
	}
	prompt := p.prompt()
	p.scr.Draw(append(lines, prompt), len(lines), runewidth.StringWidth(prompt.Text))
}

// numbered returns the number of a line in front of its first row.
func (p *pager) numbered(at pos) string {
	n, ok := p.doc.number(at.line, p.scr.Interrupted)
	if !ok {
		p.o.numbers = false
		p.message = "Line numbers turned off"
		return ""
	}
	return fmt.Sprintf("\x1b[1m%*d\x1b[m ", numberWidth-1, n)
}

// follow shows what is added to the text, until ^C.
func (p *pager) follow() {
	p.follows = true
	defer func() { p.follows = false }()
	p.toLast()
	for !p.quit {
		p.doc.want()
		p.draw()
		switch k := p.scr.Next(time.Second/4, p.doc.Ready); k {
		case screen.Woken:
			p.doc.take()
			p.toLast()
		case screen.Timeout:
			if p.doc.refresh() {
				p.cached = -1
				p.toLast()
			}
		case screen.Interrupt:
			return
		case screen.Ended:
			p.quit = true
		case screen.Resized:
			p.cached = -1
			p.toLast()
		}
	}
}

// indexOf returns where the line with a number begins. It waits for a stream.
func (p *pager) indexOf(number int64) (int64, bool) {
	for {
		at, ok := p.doc.find(number, p.scr.Interrupted)
		if !ok || at < p.doc.size || p.doc.ended {
			return at, ok && at < p.doc.size
		}
		if !p.more() {
			return at, false
		}
	}
}
