// Package edit is the toolbox's editor. It has no modes, shows its keys at the bottom, and sends only the lines of
// the screen that changed, for slow terminals.
package edit

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/signal"
	"syscall"

	"golang.org/x/sys/unix"
	"golang.org/x/term"

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/tool"
)

// limit is the largest file that can be edited, in bytes.
const limit = 64 << 20

// editor is an open file.
type editor struct {
	path    string
	lines   [][]rune
	row     int // of the cursor
	column  int // in characters
	wish    int // the column that moving up and down returns to
	top     int // the first line on the screen
	left    int // the first cell on the screen
	changed bool
	noEnd   bool // the last line has no newline
	crlf    bool // all lines end with CR and LF
	newline bool // the file was a newline only

	cut      [][]rune // what ^K removed
	cutting  bool     // the last key was ^K
	undo     []state
	typing   bool // the last key was a character: it is undone with those before it
	searched string
	message  string

	rows, columns int
	shown         []string // what the screen has
	in            *bufio.Reader
	waits         func() bool // reports whether standard input has more within 50 ms
	out           *bufio.Writer
}

// state is what undoing restores.
type state struct {
	lines       [][]rune
	row, column int
	changed     bool
}

// Main edits a file and returns the exit status.
func Main(args []string) int {
	f := tool.Flags("edit", "[+LINE] FILE")
	line := 1
	var rest []string
	for _, arg := range args {
		if n, _ := fmt.Sscanf(arg, "+%d", &line); n == 0 {
			rest = append(rest, arg)
		}
	}
	if status, ok := tool.Parse(f, rest); !ok {
		return status
	}
	if f.NArg() != 1 || !term.IsTerminal(0) || !term.IsTerminal(1) {
		f.Usage()
		return tool.Usage
	}
	e := &editor{path: f.Arg(0), waits: inputWaits}
	if err := e.load(); err != nil {
		return tool.Complain("edit", err)
	}
	e.row = max(0, min(line, len(e.lines))-1)
	old, err := term.MakeRaw(0)
	if err != nil {
		return tool.Complain("edit", err)
	}
	e.in, e.out = bufio.NewReader(os.Stdin), bufio.NewWriterSize(os.Stdout, 64<<10)
	e.out.WriteString("\x1b[?1049h\x1b[?2004h")
	defer func() {
		e.out.WriteString("\x1b[?2004l\x1b[?1049l")
		_ = e.out.Flush()
		_ = term.Restore(0, old)
	}()
	return e.run()
}

// load reads the file. One that does not exist is a new one.
func (e *editor) load() error {
	file, err := os.OpenFile(e.path, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if errors.Is(err, fs.ErrNotExist) {
		e.lines, e.message = [][]rune{nil}, "new file"
		return nil
	}
	if err != nil {
		return err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() || info.Size() > limit {
		return fmt.Errorf("%s: not a regular file of at most %d bytes", tool.Printable(e.path), limit)
	}
	text, err := os.ReadFile(e.path)
	if err != nil {
		return err
	}
	e.setText(string(text))
	if unix.Access(e.path, unix.W_OK) != nil {
		e.message = "the file can't be written"
	}
	return nil
}

// inputWaits waits up to 50 ms for input.
func inputWaits() bool {
	for {
		n, err := unix.Poll([]unix.PollFd{{Fd: 0, Events: unix.POLLIN}}, 50)
		if !errors.Is(err, unix.EINTR) {
			return n > 0 && err == nil
		}
	}
}

// run handles keys until the editor is left.
func (e *editor) run() int {
	keys := make(chan key)
	next := make(chan bool, 1)
	go func() {
		for range next {
			k, err := e.read()
			if err != nil {
				close(keys)
				return
			}
			keys <- k
		}
	}()
	resized := make(chan os.Signal, 1)
	signal.Notify(resized, syscall.SIGWINCH)
	next <- true
	for {
		e.draw()
		select {
		case k, ok := <-keys:
			if !ok {
				return 1
			}
			if e.handle(k) {
				return 0
			}
			next <- true
		case <-resized:
			e.shown = nil
		}
	}
}
