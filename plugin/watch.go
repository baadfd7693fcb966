package main

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

// watchEvery is how often it is looked for what the engine doesn't tell of, guests.
// Where a look takes long it is less often, so that looking is a tenth of the time.
const watchEvery = time.Second

// What a terminal is told, ECMA-48 and xterm's private modes.
const (
	enterScreen = "\x1b[?1049h\x1b[?25l\x1b[?7l" // another screen, no cursor, no wrapping
	leaveScreen = "\x1b[?7h\x1b[?25h\x1b[?1049l"
	topLeft     = "\x1b[H"
	restOfLine  = "\x1b[K"
	restBelow   = "\x1b[J"
)

// watch draws what draw prints, and anew when that changes, until q or ctrl-c is
// typed or a signal comes. The terminal is given back as it was.
func watch(ctx context.Context, events engine.Eventer, draw func(context.Context, io.Writer) error) error {
	in, out := os.Stdin.Fd(), os.Stdout.Fd()
	if !term.IsTerminal(in) || !term.IsTerminal(out) {
		return exit.Hint(errors.New("--watch: standard input and output are not a terminal"), "leave --watch out")
	}
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	before, err := term.SetRawTerminal(in)
	if err != nil {
		return fmt.Errorf("--watch: %w", err)
	}
	fmt.Print(enterScreen)
	defer func() {
		fmt.Print(leaveScreen)
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
			fmt.Print(screen)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-changes:
		case <-time.After(max(watchEvery, 10*time.Since(began))):
		}
	}
}

// untilQuit reads until q or ctrl-c was typed, or there is no more.
func untilQuit(keys io.Reader) {
	const ctrlC = 3
	key := make([]byte, 1)
	for {
		if n, err := keys.Read(key); err != nil || n == 1 && (key[0] == 'q' || key[0] == ctrlC) {
			return
		}
	}
}

// screenOf is what draws text from the top, as much as there is room for. Each line
// is written over what was there, so that nothing flickers.
func screenOf(text string, terminal uintptr) string {
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	if size, err := term.GetWinsize(terminal); err == nil && size.Height > 0 {
		lines = lines[:min(len(lines), int(size.Height))]
	}
	return topLeft + strings.Join(lines, restOfLine+"\r\n") + restOfLine + restBelow
}
