// Package lines prints what many commands write, line by line: lines of different commands are never mixed, and each
// says whose it is. What comes from a container cannot make a line look like another's at a terminal.
package lines

import (
	"io"
	"sync"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"github.com/nsjoin/docker-nsjoin/pkg/printable"
)

// Label says whose a line is.
type Label struct {
	Context   string // "" if there is only one
	Container string
	Unique    bool // no other context has such a container: the context is not printed
}

// String returns the label as it is printed.
func (l Label) String() string {
	name := printable.Text(l.Container)
	if l.Context == "" || l.Unique {
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
	// Columns returns the width of the terminal, 0 if it is unknown; nil for no terminal. A longer line is printed as
	// several, each with its label, and a long label is shortened.
	Columns func() int
}

// Printer prints the lines of many commands. Its methods are safe for concurrent use.
type Printer struct {
	options Options
	width   int // of the longest label
	to      [2]io.Writer
	turn    chan struct{} // has the right to print, with Group
	left    chan struct{} // closed by Abandon
	leave   sync.Once
	failed  chan Failure

	writing chan struct{} // full while something is written
	since   atomic.Int64  // when that began, in nanoseconds since 1970; 0 if nothing is written
	lost    [2]bool       // the output has failed
	status  status
}

// Failure is the first error of writing to an output, 0 or 1.
type Failure struct {
	Output int
	Err    error
}

// NewPrinter makes a printer for commands with these labels.
func NewPrinter(stdout, stderr io.Writer, o Options, labels []Label) *Printer {
	p := &Printer{
		options: o, to: [2]io.Writer{stdout, stderr}, turn: make(chan struct{}, 1), left: make(chan struct{}),
		failed: make(chan Failure, 2), writing: make(chan struct{}, 1),
	}
	p.turn <- struct{}{}
	for _, l := range labels {
		p.width = max(p.width, utf8.RuneCountInString(l.String()))
	}
	return p
}

// Failed returns a channel that gets the first error of each output. What cannot be written is dropped.
func (p *Printer) Failed() <-chan Failure { return p.failed }

// Abandon ends all waiting: what is not printed by then is dropped.
func (p *Printer) Abandon() { p.leave.Do(func() { close(p.left) }) }

// Stuck reports whether something has been waiting for its reader for longer than d.
func (p *Printer) Stuck(d time.Duration) bool {
	since := p.since.Load()
	return since != 0 && time.Since(time.Unix(0, since)) > d
}

func (p *Printer) abandoned() bool {
	select {
	case <-p.left:
		return true
	default:
		return false
	}
}

// write writes whole lines to output i, 0 or 1. The text must not change later: a write that is stuck when the printer
// is abandoned goes on.
func (p *Printer) write(i int, text []byte) {
	if p.abandoned() {
		return
	}
	select {
	case p.writing <- struct{}{}:
	case <-p.left:
		return
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		p.put(i, text)
		<-p.writing
	}()
	select {
	case <-done:
	case <-p.left:
	}
}

// put writes to an output.
func (p *Printer) put(i int, text []byte) {
	if p.lost[i] {
		return
	}
	p.since.Store(time.Now().UnixNano())
	defer p.since.Store(0)
	p.status.erase()
	if _, err := p.to[i].Write(text); err != nil {
		p.lost[i] = true
		p.failed <- Failure{i, err}
	}
}

// Open makes the source of a command's lines. number chooses its colour.
func (p *Printer) Open(l Label, number int) *Source {
	s := &Source{printer: p, label: l, number: number, began: time.Now(), left: make(chan struct{})}
	for i := range s.streams {
		s.streams[i] = &stream{source: s, number: i}
	}
	if p.options.Prefix && !p.options.JSON {
		s.prefix = prefixOf(l.String(), p.width, number, p.options.Colours)
	}
	return s
}
