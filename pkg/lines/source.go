package lines

import (
	"bytes"
	"io"
	"sync"
	"time"
)

// Source is a command whose lines are printed.
type Source struct {
	printer *Printer
	label   Label
	number  int // chooses the label's colour
	prefix  []byte
	began   time.Time
	streams [2]*stream

	left  chan struct{} // closed by Leave
	leave sync.Once
	wait  waiting

	mu      sync.Mutex
	rows    rows
	text    []byte  // memory for whole lines
	held    []piece // not printed yet, with Group
	size    int     // of held, in bytes
	prints  bool    // has the right to print, with Group
	dropped bool    // what comes is dropped
}

// rows has what each row of a line begins with, at a terminal of so many columns.
type rows struct {
	columns int
	prefix  []byte
}

// piece are whole lines for an output.
type piece struct {
	output int
	text   []byte
}

// The longest line that is kept whole, and how much of a command's lines is held back before the command has to wait
// for its turn, in bytes.
const (
	maxLine = 64 << 10
	maxHeld = 256 << 10
)

// Stdout returns the writer for the command's standard output.
func (s *Source) Stdout() io.Writer { return s.streams[0] }

// Stderr returns the writer for the command's standard error, which has the helper's messages too.
func (s *Source) Stderr() io.Writer { return s.streams[1] }

// stream is one of a command's two outputs.
type stream struct {
	source *Source
	number int
	rest   []byte // an incomplete line
}

// Write prints the lines that are complete. It never fails, and waits for who reads them.
func (w *stream) Write(b []byte) (int, error) {
	s := w.source
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.dropped {
		return len(b), nil
	}
	whole := s.text
	for text := b; len(text) > 0; {
		at := bytes.IndexByte(text, '\n')
		if at < 0 {
			at = len(text)
		}
		n := min(at, maxLine-len(w.rest))
		w.rest = append(w.rest, text[:n]...)
		text = text[n:]
		complete := len(text) > 0 && text[0] == '\n'
		if complete {
			text = text[1:]
		}
		if complete || len(w.rest) == maxLine {
			whole = s.append(whole, w.number, w.rest)
			w.rest = w.rest[:0]
		}
		if len(whole) >= maxLine {
			whole = s.pass(w.number, whole)
		}
	}
	s.text = s.pass(w.number, whole)
	return len(b), nil
}

// Close prints what is left, also incomplete lines.
func (s *Source) Close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, w := range s.streams {
		if len(w.rest) > 0 {
			s.print(w.number, s.append(nil, w.number, w.rest))
			w.rest = nil
		}
	}
	s.flush(nil)
	if s.prints {
		s.prints = false
		s.printer.turn <- struct{}{}
	}
}

// Leave ends the waiting of this command's writers. What they write later is dropped; End and Close still print what
// they have written before.
func (s *Source) Leave() {
	s.leave.Do(func() { close(s.left) })
	s.mu.Lock()
	defer s.mu.Unlock()
	s.dropped = true
}

// pass is print. It returns the memory of text, for other lines, unless somebody still uses it.
func (s *Source) pass(output int, text []byte) []byte {
	s.print(output, text)
	if len(s.held) > 0 || s.printer.abandoned() {
		return nil
	}
	return text[:0]
}

// print prints whole lines, or holds them back.
func (s *Source) print(output int, text []byte) {
	if len(text) == 0 {
		return
	}
	if s.printer.options.JSON {
		output = 0
	}
	if !s.printer.options.Group || s.prints {
		s.printer.write(output, text)
		return
	}
	s.held = append(s.held, piece{output, text})
	if s.size += len(text); s.size > maxHeld {
		s.flush(s.left)
	}
}

// flush prints what was held back, once it is this command's turn. It returns before that if left is closed.
func (s *Source) flush(left <-chan struct{}) {
	if len(s.held) == 0 {
		return
	}
	if !s.prints {
		defer s.wait.begin()()
		select {
		case <-s.printer.turn:
			s.prints = true
		case <-left:
			return
		case <-s.printer.left:
			s.held, s.size = nil, 0
			return
		}
	}
	for _, p := range s.held {
		s.printer.write(p.output, p.text)
	}
	s.held, s.size = nil, 0
}

// Waited returns for how long the command had to wait so far, with Group, while others printed.
func (s *Source) Waited() time.Duration { return s.wait.total() }

// waiting counts a time.
type waiting struct {
	mu    sync.Mutex
	sum   time.Duration
	since time.Time // zero while nobody waits
}

func (w *waiting) begin() (end func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.since = time.Now()
	return func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.sum += time.Since(w.since)
		w.since = time.Time{}
	}
}

func (w *waiting) total() time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.since.IsZero() {
		return w.sum
	}
	return w.sum + time.Since(w.since)
}
