// Package lines prints what many commands write, line by line: lines of different commands are never mixed, and each
// says whose it is. What comes from a container cannot make a line look like another's at a terminal.
package lines

import (
	"io"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/nsjoin/docker-nsjoin/pkg/printable"
)

// Label says whose a line is.
type Label struct {
	Context   string // "" if there is only one
	Container string
}

// String returns the label as it is printed.
func (l Label) String() string {
	name := printable.Text(l.Container)
	if l.Context == "" {
		return name
	}
	return printable.Text(l.Context) + "/" + name
}

// Options say how lines are printed.
type Options struct {
	Prefix  bool // each line begins with its label
	Colours bool // the label has a colour
	JSON    bool // a line is a JSON object
	Group   bool // the lines of a command are printed together
	// Terminal says which of the two outputs is a terminal: there everything but text and colours is escaped.
	Terminal [2]bool
}

// Printer prints the lines of many commands. Its methods are safe for concurrent use.
type Printer struct {
	options Options
	width   int // of the longest label
	to      [2]io.Writer
	turn    chan struct{} // has the right to print, with Group
	left    chan struct{} // closed by Abandon
	leave   sync.Once
	failed  chan error // has the first error of writing

	mu     sync.Mutex
	status status
}

// NewPrinter makes a printer for commands with these labels.
func NewPrinter(stdout, stderr io.Writer, o Options, labels []Label) *Printer {
	p := &Printer{options: o, to: [2]io.Writer{stdout, stderr}, turn: make(chan struct{}, 1), left: make(chan struct{}), failed: make(chan error, 1)}
	p.turn <- struct{}{}
	for _, l := range labels {
		p.width = max(p.width, utf8.RuneCountInString(l.String()))
	}
	return p
}

// Failed returns a channel that gets the error when something cannot be written.
func (p *Printer) Failed() <-chan error { return p.failed }

// Abandon ends all waiting for the right to print: what is not printed by then is dropped.
func (p *Printer) Abandon() { p.leave.Do(func() { close(p.left) }) }

// write writes whole lines to output i, 0 or 1.
func (p *Printer) write(i int, text []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.status.erase()
	if _, err := p.to[i].Write(text); err != nil {
		select {
		case p.failed <- err:
		default:
		}
	}
}

// Open makes the source of a command's lines. number chooses its colour.
func (p *Printer) Open(l Label, number int) *Source {
	s := &Source{printer: p, label: l, began: time.Now()}
	for i := range s.streams {
		s.streams[i] = &stream{source: s, number: i}
	}
	if p.options.Prefix && !p.options.JSON {
		s.prefix = prefix(l.String(), p.width, number, p.options.Colours)
	}
	return s
}
