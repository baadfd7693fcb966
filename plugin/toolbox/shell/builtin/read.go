package builtin

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/sys/unix"
	"mvdan.cc/sh/v3/expand"

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/shell/hook"
)

// reading is a call of read.
type reading struct {
	raw, silent, exactly bool
	array, prompt        string
	delimiter            byte
	most                 int           // characters; 0: no limit
	limit                time.Duration // of all of it; negative: none
	file                 *os.File
}

// timedOut is the status of read that has waited too long: as if SIGALRM had ended it.
const timedOut = 128 + int(unix.SIGALRM)

// Read reads a line into variables, and returns its status.
func (c *Call) Read(ctx context.Context) int {
	r := &reading{delimiter: '\n', limit: -1, file: c.Stdin}
	for {
		letter, value, err := c.option("adinNptu")
		if err == nil && letter != 0 {
			err = r.take(letter, value, c.Shell.Files)
		}
		if err != nil {
			return c.fail(misused, "%v", err)
		}
		if letter == 0 {
			break
		}
	}
	for _, name := range c.Args {
		if !hook.ValidName(name) {
			return c.fail(1, "`%s': not a valid identifier", name)
		}
	}
	if r.file == nil {
		return c.fail(1, "read error: 0: Bad file descriptor")
	}
	if r.limit == 0 {
		ready := []unix.PollFd{{Fd: int32(r.file.Fd()), Events: unix.POLLIN}}
		if n, err := unix.Poll(ready, 0); n == 0 || err != nil {
			return 1
		}
		return 0
	}
	if r.limit > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, r.limit)
		defer cancel()
	}
	line, err := r.line(ctx, c.Stderr)
	c.assign(r, line)
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return timedOut
	case errors.Is(err, context.Canceled):
		return 128 + int(unix.SIGINT)
	case err != nil:
		return 1
	}
	return 0
}

// take takes an option.
func (r *reading) take(letter byte, value string, files hook.Files) (err error) {
	switch letter {
	case 'r':
		r.raw = true
	case 's':
		r.silent = true
	case 'e': // lines are edited as the terminal does it
	case 'a':
		if r.array = value; !hook.ValidName(value) {
			return fmt.Errorf("`%s': not a valid identifier", value)
		}
	case 'p':
		r.prompt = value
	case 'd':
		if r.delimiter = 0; value != "" {
			r.delimiter = value[0]
		}
	case 'n', 'N':
		r.exactly = letter == 'N'
		if r.most, err = strconv.Atoi(value); err != nil || r.most < 0 {
			return fmt.Errorf("%s: invalid number", value)
		}
	case 't':
		seconds, err := strconv.ParseFloat(value, 64)
		if err != nil || seconds < 0 {
			return fmt.Errorf("%s: invalid timeout specification", value)
		}
		r.limit = time.Duration(seconds * float64(time.Second))
	case 'u':
		if value == "0" {
			return nil
		}
		if r.file, err = files.Reader(value); err != nil {
			return fmt.Errorf("%s: invalid file descriptor", value)
		}
	default:
		return fmt.Errorf("-%c: invalid option", letter)
	}
	return nil
}

// line reads what is to be split.
func (r *reading) line(ctx context.Context, stderr io.Writer) (line []byte, err error) {
	old, err := unix.IoctlGetTermios(int(r.file.Fd()), unix.TCGETS)
	terminal := err == nil
	if terminal && r.prompt != "" {
		_, _ = io.WriteString(stderr, r.prompt)
	}
	if terminal && (r.silent || r.byKeys()) {
		restore, err := r.setMode(ctx, old)
		if err != nil {
			return nil, err
		}
		defer restore()
	}
	characters, begin, escaped := 0, 0, false
	for r.most == 0 || characters < r.most {
		b, err := r.next(ctx, terminal)
		switch {
		case err != nil:
			return line, err
		case b == r.delimiter && !r.exactly && !escaped:
			return line, nil
		case b == 0 && r.delimiter != 0: // no variable can hold it
			continue
		case escaped && b == '\n':
			line, escaped = line[:len(line)-1], false
			begin = len(line)
			continue
		}
		line = append(line, b)
		if escaped = !r.raw && b == '\\' && !escaped; escaped {
			begin = len(line)
			continue
		}
		if utf8.FullRune(line[begin:]) {
			characters++
			begin = len(line)
		}
	}
	return line, nil
}

// byKeys reports whether a terminal passes on each key, and not lines.
func (r *reading) byKeys() bool { return r.most > 0 || r.delimiter != '\n' }

// setMode sets the terminal's mode, until restore is called.
func (r *reading) setMode(ctx context.Context, old *unix.Termios) (restore func(), err error) {
	if _, err := hook.ReadInput(ctx, r.file, nil); err != nil { // it may be in the background
		return nil, err
	}
	mode := *old
	if r.silent {
		mode.Lflag &^= unix.ECHO
	}
	if r.byKeys() {
		mode.Lflag &^= unix.ICANON
		mode.Cc[unix.VMIN], mode.Cc[unix.VTIME] = 1, 0
	}
	fd := int(r.file.Fd())
	_ = unix.IoctlSetTermios(fd, unix.TCSETSW, &mode)
	return func() { _ = unix.IoctlSetTermios(fd, unix.TCSETSW, old) }, nil
}

// next reads a byte.
func (r *reading) next(ctx context.Context, terminal bool) (byte, error) {
	var b [1]byte
	if r.limit > 0 && (!terminal || r.file != os.Stdin) {
		if err := await(ctx, int(r.file.Fd())); err != nil {
			return 0, err
		}
	}
	n, err := hook.ReadInput(ctx, r.file, b[:])
	if n == 0 && err == nil {
		err = io.EOF
	}
	return b[0], err
}

// await waits for input until ctx ends.
func await(ctx context.Context, fd int) error {
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		wait := -1
		if deadline, ok := ctx.Deadline(); ok {
			wait = int(max(0, time.Until(deadline).Milliseconds())) + 1
		}
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, wait)
		if n > 0 && err == nil {
			return nil
		}
		if err != nil && !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}

// assign splits what was read.
func (c *Call) assign(r *reading, line []byte) {
	config := &expand.Config{Env: c.Env}
	text := string(line)
	switch {
	case r.array != "":
		c.Shell.SetList(r.array, expand.ReadFields(config, text, -1, r.raw))
	case len(c.Args) == 0:
		c.Shell.Set("REPLY", unescaped(text, r.raw))
	case r.exactly:
		for i, name := range c.Args {
			if i > 0 {
				text = ""
			}
			c.Shell.Set(name, unescaped(text, r.raw))
		}
	default:
		fields := expand.ReadFields(config, text, len(c.Args), r.raw)
		for i, name := range c.Args {
			value := ""
			if i < len(fields) {
				value = fields[i]
			}
			c.Shell.Set(name, value)
		}
	}
}

// unescaped removes the backslashes, unless the text is raw.
func unescaped(text string, raw bool) string {
	if raw || !strings.Contains(text, `\`) {
		return text
	}
	var out strings.Builder
	for i := 0; i < len(text); i++ {
		if text[i] == '\\' {
			if i++; i == len(text) {
				break
			}
		}
		out.WriteByte(text[i])
	}
	return out.String()
}
