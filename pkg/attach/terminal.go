package attach

import (
	"io"

	"github.com/moby/term"
)

// KeeperArg as the plugin's only argument makes it a keeper of the caller's terminal. The Docker CLI never
// starts a plugin like that: it always passes the plugin's name first.
const KeeperArg = "keep-terminal"

// terminal is the caller's: standard input, and standard output if that is a terminal.
type terminal struct {
	in, out  uintptr // descriptors
	outputIs bool    // standard output is a terminal
}

func terminalOf(stdin io.Reader, stdout io.Writer) (t terminal) {
	t.in, _ = term.GetFdInfo(stdin)
	t.out, t.outputIs = term.GetFdInfo(stdout)
	return t
}

// makeRaw puts the terminal into raw mode, so that it passes every key on.
func (t terminal) makeRaw() (restore func(), err error) {
	before, err := term.SetRawTerminal(t.in)
	if err != nil {
		return nil, err
	}
	if !t.outputIs {
		return func() { _ = term.RestoreTerminal(t.in, before) }, nil
	}
	outBefore, err := term.SetRawTerminalOutput(t.out) // has an effect on Windows only
	if err != nil {
		_ = term.RestoreTerminal(t.in, before)
		return nil, err
	}
	return func() {
		if outBefore != nil {
			_ = term.RestoreTerminal(t.out, outBefore)
		}
		_ = term.RestoreTerminal(t.in, before)
	}, nil
}

// size returns the terminal's size, or 0 if it is not known.
func (t terminal) size() (rows, columns uint16) {
	for _, fd := range []uintptr{t.out, t.in} {
		if size, err := term.GetWinsize(fd); err == nil && size.Height > 0 {
			return size.Height, size.Width
		}
	}
	return 0, 0
}
