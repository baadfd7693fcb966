package lines

import (
	"fmt"
	"io"
	"time"
)

// status is a line at the end of a terminal that is replaced again and again.
type status struct {
	to    io.Writer // nil if there is none
	shown bool
}

// erase removes the line.
func (s *status) erase() {
	if s.shown {
		s.shown = false
		_, _ = fmt.Fprint(s.to, "\r\x1b[K")
	}
}

// ShowStatus shows a text at the end of the terminal that to is, until the next line is printed. It does nothing while
// a line is being written: its reader may have stopped reading.
func (p *Printer) ShowStatus(to io.Writer, text string) {
	p.onTerminal(func() {
		p.status.erase()
		p.status = status{to, true}
		_, _ = fmt.Fprint(to, text)
	})
}

// EraseStatus removes the text of ShowStatus.
func (p *Printer) EraseStatus() { p.onTerminal(p.status.erase) }

// onTerminal writes to the terminal, unless a line is being written. Stuck says if that waits for its reader, too.
func (p *Printer) onTerminal(write func()) {
	select {
	case p.writing <- struct{}{}:
	default:
		return
	}
	defer func() { <-p.writing }()
	p.since.Store(time.Now().UnixNano())
	defer p.since.Store(0)
	write()
}
