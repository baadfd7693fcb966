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
	prefix  []byte
	began   time.Time
	streams [2]*stream

	mu     sync.Mutex
	held   []piece // not printed yet, with Group
	size   int     // of held, in bytes
	prints bool    // has the right to print, with Group
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
	var whole []byte
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
	}
	s.print(w.number, whole)
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
	s.flush()
	if s.prints {
		s.prints = false
		s.printer.turn <- struct{}{}
	}
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
		s.flush()
	}
}

// flush prints what was held back, once it is this command's turn.
func (s *Source) flush() {
	if len(s.held) == 0 {
		return
	}
	if !s.prints {
		select {
		case <-s.printer.turn:
			s.prints = true
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
