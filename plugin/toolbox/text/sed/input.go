package sed

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/tool"
)

// sedInput reads the lines of several files. It reads a line ahead only if it is asked whether there is one, so that a line
// is handled before the next one is there, and what is not needed is left to others.
type sedInput struct {
	files      []string
	file       *os.File
	r          *bufio.Reader
	end        byte
	unbuffered bool
	was        fs.FileInfo // with -i, the file that is to be changed
	status     *int

	next    string // the line that is read ahead, with its end
	present bool
}

// more reports whether there is another line.
func (in *sedInput) more() bool {
	for !in.present && in.open() {
		line, err := tool.ReadRecord(in.r, in.end)
		in.next, in.present = string(line), len(line) > 0
		if err != nil {
			if !errors.Is(err, io.EOF) {
				in.fail(err)
			}
			in.file.Close()
			in.r = nil
		}
	}
	return in.present
}

// take returns the next line, and whether it has an end.
func (in *sedInput) take() (string, bool) {
	in.more()
	in.present = false
	return strings.CutSuffix(in.next, string(in.end))
}

// open opens the next file, if none is open. It returns false if there is none.
func (in *sedInput) open() bool {
	for in.r == nil && len(in.files) > 0 {
		path := in.files[0]
		in.files = in.files[1:]
		file := os.Stdin
		if path != "-" {
			var err error
			if file, err = tool.Open(path); err != nil {
				in.fail(err)
				continue
			}
			if err := in.same(file); err != nil {
				in.fail(err)
				continue
			}
		}
		in.file = file
		r := tool.Flushing(file)
		if in.unbuffered && path == "-" {
			r = tool.Bytewise(r)
		}
		in.r = bufio.NewReaderSize(r, 64<<10)
	}
	return in.r != nil
}

// same returns an error, and closes the file, if it is not the one that is to be changed.
func (in *sedInput) same(file *os.File) error {
	if in.was == nil {
		return nil
	}
	now, err := file.Stat()
	if err == nil && !os.SameFile(now, in.was) {
		err = fmt.Errorf("%s: it was replaced meanwhile", tool.Printable(file.Name()))
	}
	if err != nil {
		file.Close()
	}
	return err
}

func (in *sedInput) fail(err error) { *in.status = tool.Complain("sed", err) + 1 }

// leave ends the input. What was read and not needed of standard input is left to the next program, if it is a file.
func (in *sedInput) leave() {
	if in.r == nil {
		return
	}
	unread := in.r.Buffered()
	if in.present {
		unread += len(in.next)
	}
	tool.Unread(in.file, unread)
	if in.file != os.Stdin {
		in.file.Close()
	}
	in.files, in.r, in.present = nil, nil, false
}
