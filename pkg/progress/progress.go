// Package progress shows at a terminal how far work is that takes over a second, in one line that is updated and
// removed in the end. If standard error is not a terminal, nothing is shown.
package progress

import (
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"github.com/moby/term"
)

// Line is the line. A nil Line shows nothing.
type Line struct {
	show   func(text string) // in place of the text before
	erase  func()
	what   string
	detail func() string
	stop   chan struct{}
	done   sync.WaitGroup
}

// Times of the line: when it appears, and how often it is updated.
const (
	patience = time.Second
	interval = 200 * time.Millisecond
)

// Start begins work. what says what is done; detail, which may be nil, how far it is. The caller calls End.
func Start(what string, detail func() string) *Line {
	show, erase := on(os.Stderr)
	return StartWith(show, erase, what, detail)
}

// StartWith is like Start for what prints on standard error meanwhile: show shows a text in place of the one before, and
// erase removes it.
func StartWith(show func(text string), erase func(), what string, detail func() string) *Line {
	if !term.IsTerminal(os.Stderr.Fd()) {
		return nil
	}
	return start(show, erase, what, detail, patience)
}

// on shows a text at the end of a terminal.
func on(to io.Writer) (show func(text string), erase func()) {
	return func(text string) { fmt.Fprint(to, eraseLine, text) }, func() { fmt.Fprint(to, eraseLine) }
}

func start(show func(string), erase func(), what string, detail func() string, patience time.Duration) *Line {
	l := &Line{show: show, erase: erase, what: what, detail: detail, stop: make(chan struct{})}
	l.done.Go(func() { l.run(patience) })
	return l
}

// End removes the line.
func (l *Line) End() {
	if l != nil {
		close(l.stop)
		l.done.Wait()
	}
}

// eraseLine returns to the beginning of the line and erases it, as ECMA-48 has it.
const eraseLine = "\r\x1b[K"

func (l *Line) run(patience time.Duration) {
	began := time.Now()
	wait := time.NewTimer(patience)
	defer wait.Stop()
	for shown := false; ; shown = true {
		select {
		case <-l.stop:
			if shown {
				l.erase()
			}
			return
		case <-wait.C:
		}
		text := l.what
		if l.detail != nil {
			if detail := l.detail(); detail != "" {
				text += ": " + detail
			}
		}
		const longest = 70 // columns, so that it stays one line
		l.show(fmt.Sprintf("%.*s, %d s", longest, text, int(time.Since(began).Seconds())))
		wait.Reset(interval)
	}
}
