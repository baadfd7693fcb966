package ls

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/moby/term"

	"github.com/nsjoin/docker-nsjoin/pkg/engine"
	"github.com/nsjoin/docker-nsjoin/pkg/exit"
)

// watchEvery is how often the list is refreshed without an event, since the engine does not report
// guests. If making it takes long, it is refreshed less often, so that it takes at most a tenth of the time.
const watchEvery = time.Second

// Control sequences of a terminal, ECMA-48 and xterm's private modes.
const (
	enterScreen = "\x1b[?1049h\x1b[?25l\x1b[?7l" // another screen, no cursor, no wrapping
	leaveScreen = "\x1b[?7h\x1b[?25h\x1b[?1049l"
	topLeft     = "\x1b[H"
	restOfLine  = "\x1b[K"
	restBelow   = "\x1b[J"
)

// watch shows what draw prints, and updates it, until q or ctrl-c is typed or a signal arrives. Then it
// restores the terminal.
func watch(ctx context.Context, events engine.Eventer, draw func(context.Context, io.Writer) error) error {
	in, out := os.Stdin.Fd(), os.Stdout.Fd()
	if !term.IsTerminal(in) || !term.IsTerminal(out) {
		return exit.Hint(errors.New("--watch: standard input or output is not a terminal"), "omit --watch")
	}
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	before, err := term.SetRawTerminal(in)
	if err != nil {
		return fmt.Errorf("--watch: %w", err)
	}
	fmt.Fprint(os.Stdout, enterScreen)
	defer func() {
		fmt.Fprint(os.Stdout, leaveScreen)
		_ = term.RestoreTerminal(in, before)
	}()
	go func() {
		untilQuit(os.Stdin)
		stop()
	}()
	changes := engine.Changes(ctx, events)
	shown := ""
	for {
		began := time.Now()
		var text bytes.Buffer
		if err := draw(ctx, &text); ctx.Err() != nil {
			return nil
		} else if err != nil {
			return err
		}
		if screen := screenOf(text.String(), out); screen != shown {
			shown = screen
			fmt.Fprint(os.Stdout, screen)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-changes:
		case <-time.After(max(watchEvery, 10*time.Since(began))):
		}
	}
}

// untilQuit reads until q or ctrl-c is typed, or the input ends.
func untilQuit(keys io.Reader) {
	const ctrlC = 3
	key := make([]byte, 1)
	for {
		if n, err := keys.Read(key); err != nil || n == 1 && (key[0] == 'q' || key[0] == ctrlC) {
			return
		}
	}
}

// screenOf returns the control sequences and text that draw as much of text as fits on the screen. They
// overwrite the previous lines without clearing the screen, so that nothing flickers.
func screenOf(text string, terminal uintptr) string {
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	if size, err := term.GetWinsize(terminal); err == nil && size.Height > 0 {
		lines = lines[:min(len(lines), int(size.Height))]
	}
	return topLeft + strings.Join(lines, restOfLine+"\r\n") + restOfLine + restBelow
}
