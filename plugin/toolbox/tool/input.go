package tool

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// Input is an open input file.
type Input struct {
	io.Reader
	Name string
	File *os.File
}

// Inputs calls do for each file, or for standard input if there is none or for "-". It reports errors, and returns
// the status.
func Inputs(name string, files []string, do func(Input) error) int {
	if len(files) == 0 {
		files = []string{"-"}
	}
	status := 0
	for _, path := range files {
		if err := input(path, do); err != nil {
			status = Complain(name, err)
		}
	}
	return status
}

func input(path string, do func(Input) error) error {
	if path == "-" {
		return do(Input{Flushing(os.Stdin), "-", os.Stdin})
	}
	file, err := Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	if info, err := file.Stat(); err == nil && info.IsDir() {
		return fmt.Errorf("%s: %w", Printable(path), unix.EISDIR)
	}
	return do(Input{Flushing(file), path, file})
}

// flushing is an input that may have to be waited for.
type flushing struct{ io.Reader }

// Flushing returns a reader that flushes the output of Output before each read, so that it does not lack the lines
// before those that are waited for: tail -f FILE | grep TEXT.
func Flushing(r io.Reader) io.Reader { return flushing{r} }

func (f flushing) Read(b []byte) (int, error) {
	FlushOutput()
	if outputError != nil {
		return 0, outputError // nobody is to read what could follow
	}
	return f.Reader.Read(b)
}

// Bytewise returns a reader that reads a byte at a time, so that no more is read than is needed.
func Bytewise(r io.Reader) io.Reader { return bytewise{r} }

type bytewise struct{ io.Reader }

func (r bytewise) Read(b []byte) (int, error) { return r.Reader.Read(b[:min(len(b), 1)]) }

// Unread gives bytes that were read and not needed back to standard input, if it is a file: another program goes on there,
// as in (sed 1q; cat) <FILE.
func Unread(file *os.File, n int) {
	if file == os.Stdin && n > 0 {
		_, _ = file.Seek(-int64(n), io.SeekCurrent)
	}
}

// Lines calls do for each line, without its newline. It stops early if do returns false.
func Lines(r io.Reader, do func(line []byte) bool) error {
	return Records(r, '\n', do)
}

// Records calls do for each record that ends with a byte, without that byte.
func Records(r io.Reader, end byte, do func(record []byte) bool) error {
	b := bufio.NewReaderSize(r, 64<<10)
	for {
		record, err := ReadRecord(b, end)
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		if len(record) > 0 {
			if record[len(record)-1] == end {
				record = record[:len(record)-1]
			}
			if !do(record) {
				return nil
			}
		}
		if err != nil {
			return nil
		}
	}
}

// Terminal reports whether standard output is a terminal.
func Terminal() bool {
	_, err := unix.IoctlGetTermios(1, unix.TCGETS)
	return err == nil
}

// OrStdin returns the names of files, or - for standard input if there are none.
func OrStdin(files []string) []string {
	if len(files) == 0 {
		return []string{"-"}
	}
	return files
}

// Each calls do for the files. It reports errors and returns the status.
func Each(name string, paths []string, do func(path string) error) int {
	status := 0
	for _, path := range paths {
		if err := do(path); err != nil {
			status = Complain(name, err)
		}
	}
	return status
}
