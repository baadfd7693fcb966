package lines

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/nsjoin/docker-nsjoin/pkg/printable"
)

// reset undoes the colours of a terminal.
const reset = "\x1b[0m"

// prefixOf returns what a line begins with. The colours are those of docker compose logs, in its order.
func prefixOf(label string, width, number int, colours bool) []byte {
	padded := label + strings.Repeat(" ", max(0, width-utf8.RuneCountInString(label))) + separator
	if !colours {
		return []byte(padded)
	}
	const bright = ";1"
	codes := []string{"36", "33", "32", "35", "34", "36" + bright, "33" + bright, "32" + bright, "35" + bright, "34" + bright}
	return []byte("\x1b[" + codes[number%len(codes)] + "m" + padded + reset)
}

// append appends a line of the command's stream, 0 or 1, as it is printed.
func (s *Source) append(to []byte, stream int, line []byte) []byte {
	o := s.printer.options
	switch {
	case o.JSON:
		return append(to, s.record(stream, line)...)
	case o.Terminal[stream]:
		line = safe(line)
		if o.Prefix && o.Columns != nil {
			return s.appendRows(to, line, o.Columns())
		}
	}
	to = append(to, s.prefix...)
	return append(append(to, line...), '\n')
}

// Line is a line as JSON. A line that is not UTF-8 is in Bytes.
type Line struct {
	Context   string `json:"context,omitempty"`
	Container string `json:"container"`
	Stream    string `json:"stream"`
	Text      string `json:"text"`
	Bytes     []byte `json:"bytes,omitempty"` // base64
}

// End is the end of a command as JSON.
type End struct {
	Context   string  `json:"context,omitempty"`
	Container string  `json:"container"`
	Status    int     `json:"status"`
	Seconds   float64 `json:"seconds"`
	Error     string  `json:"error,omitempty"`
}

// Plan is what would be done in a container, as JSON.
type Plan struct {
	Context   string          `json:"context,omitempty"`
	Container string          `json:"container"`
	Rule      string          `json:"rule"` // that chose it
	Plan      json.RawMessage `json:"plan"`
}

func (s *Source) record(stream int, line []byte) []byte {
	l := Line{Context: s.label.Context, Container: s.label.Container, Stream: []string{"stdout", "stderr"}[stream]}
	if utf8.Valid(line) {
		l.Text = string(line)
	} else {
		l.Bytes = line
	}
	return document(l)
}

func document(value any) []byte {
	var b bytes.Buffer
	to := json.NewEncoder(&b)
	to.SetEscapeHTML(false)
	_ = to.Encode(value) // strings and numbers
	return []byte(printable.Lines(b.String()))
}

// End prints, as JSON, that the command has ended, with its exit status and why it failed, if it is not the command's
// own. Call it before Close.
func (s *Source) End(status int, why string) {
	seconds := float64(time.Since(s.began).Round(time.Millisecond)) / float64(time.Second)
	s.last(End{s.label.Context, s.label.Container, status, seconds, why})
}

// Plan prints, as JSON, what would be done. Call it before Close.
func (s *Source) Plan(rule string, plan json.RawMessage) {
	s.last(Plan{s.label.Context, s.label.Container, rule, plan})
}

// last prints a document after what the command has written.
func (s *Source) last(value any) {
	if !s.printer.options.JSON {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, w := range s.streams {
		if len(w.rest) > 0 {
			s.print(0, s.append(nil, w.number, w.rest))
			w.rest = nil
		}
	}
	s.print(0, document(value))
}

// NotBegun prints, as JSON, the end of what was not begun.
func (p *Printer) NotBegun(l Label, status int, why string) {
	if p.options.JSON {
		p.write(0, document(End{Context: l.Context, Container: l.Container, Status: status, Error: why}))
	}
}

// colour matches the control sequences of colours and of bold text.
var colour = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`\x1b\[[0-9;:]{0,40}m`) })

// safe returns a line for a terminal: only text, tabs and colours are kept, all else is escaped.
func safe(line []byte) []byte {
	line = bytes.TrimSuffix(line, []byte("\r"))
	plain := true
	for _, c := range line {
		plain = plain && c >= ' ' && c < 0x7f
	}
	if plain {
		return line
	}
	var b strings.Builder
	coloured := false
	for len(line) > 0 {
		at := colour().FindIndex(line)
		if at == nil {
			at = []int{len(line), len(line)}
		}
		text(&b, string(line[:at[0]]))
		b.Write(line[at[0]:at[1]])
		coloured = coloured || at[1] > at[0]
		line = line[at[1]:]
	}
	if coloured {
		b.WriteString(reset)
	}
	return []byte(b.String())
}

// text writes a text with everything escaped but tabs.
func text(b *strings.Builder, s string) {
	for i, part := range strings.Split(s, "\t") {
		if i > 0 {
			b.WriteByte('\t')
		}
		fmt.Fprint(b, printable.Text(part))
	}
}
