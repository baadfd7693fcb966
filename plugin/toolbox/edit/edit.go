// Package edit is the toolbox's editor. It has no modes and the keys of nano, and sends only what changes on the screen, for slow
// terminals.
package edit

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	"golang.org/x/sys/unix"
	"golang.org/x/term"

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/screen"
	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/tool"
)

// limit is the largest file that can be edited, in bytes.
const limit = 64 << 20

// terminal is what the editor needs of a screen.
type terminal interface {
	Draw(lines []screen.Line, row, column int)
	Next(within time.Duration, wake <-chan struct{}) screen.Key
	Waiting() bool
	Forget()
	Suspend(all bool)
	Size() (rows, columns int)
}

// editor is an open file.
type editor struct {
	path    string
	was     fs.FileInfo // the file that was read, or nil
	lines   [][]rune
	row     int  // of the cursor
	column  int  // in characters
	wish    int  // the column that moving up and down returns to
	top     int  // the first line on the screen
	left    int  // the first cell on the screen
	noEnd   bool // the last line has no newline
	crlf    bool // all lines end with CR and LF
	newline bool // the file was a newline only

	cut      [][]rune // what ^K removed
	cutting  bool     // the last key was ^K
	undo     []change
	redo     []change
	version  int  // of the text
	versions int  // that there were
	saved    int  // the version that the file has
	typing   bool // the last key was a character: it is undone with those before it
	meta     bool // the last key was ESC: the next one is one with Alt
	searched string
	message  string
	gone     bool // the terminal is gone, or the editor was told to end

	rows, columns int
	scr           terminal
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
		return tool.Misused(f)
	}
	e := &editor{path: f.Arg(0)}
	if err := e.load(); err != nil {
		return tool.Complain("edit", err)
	}
	e.row = max(0, min(line, len(e.lines))-1)
	scr, err := screen.Open(screen.Options{AllKeys: true, Paste: true})
	if err != nil {
		return tool.Complain("edit", err)
	}
	defer scr.Close()
	e.scr = scr
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
	const each = 10 // bytes of memory that a byte of the text takes
	var kept tool.Kept
	if err := kept.Set(each * info.Size()); err != nil {
		return fmt.Errorf("%s: %w", tool.Printable(e.path), err)
	}
	text, err := io.ReadAll(io.LimitReader(file, info.Size()))
	if err != nil {
		return err
	}
	e.was = info
	e.setText(string(text))
	if unix.Access(e.path, unix.W_OK) != nil {
		e.message = "the file can't be written"
	}
	return nil
}

// run handles keys until the editor is left.
func (e *editor) run() int {
	for left := false; !left; {
		left = e.handle(e.key())
	}
	if e.gone {
		return 1
	}
	return 0
}

// key shows the text, and waits for a key.
func (e *editor) key() screen.Key {
	for {
		if !e.scr.Waiting() {
			e.draw()
		}
		switch k := e.scr.Next(0, nil); k {
		case screen.Resized:
		case screen.Ended:
			e.gone = true
			return k
		case screen.Interrupt:
			return screen.Control('C')
		case screen.Paste:
			e.pasted()
		default:
			return k
		}
	}
}

// changed reports whether the text is not that of the file.
func (e *editor) changed() bool { return e.version != e.saved }
