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
	to     io.Writer
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
	if !term.IsTerminal(os.Stderr.Fd()) {
		return nil
	}
	return start(os.Stderr, what, detail, patience)
}

func start(to io.Writer, what string, detail func() string, patience time.Duration) *Line {
	l := &Line{to: to, what: what, detail: detail, stop: make(chan struct{})}
	l.done.Go(func() { l.show(patience) })
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

func (l *Line) show(patience time.Duration) {
	began := time.Now()
	wait := time.NewTimer(patience)
	defer wait.Stop()
	for shown := false; ; shown = true {
		select {
		case <-l.stop:
			if shown {
				fmt.Fprint(l.to, eraseLine)
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
		fmt.Fprintf(l.to, "%s%.*s, %d s", eraseLine, longest, text, int(time.Since(began).Seconds()))
		wait.Reset(interval)
	}
}
