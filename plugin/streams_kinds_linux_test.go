//go:build linux

package main

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/creack/pty"
	"golang.org/x/sys/unix"
)

// typed is what there is to read of a standard input.
const typed = "hello\n"

// kindOfStream is what a standard stream of a caller's may be. Which of three it is for decides
// how it is opened.
type kindOfStream struct {
	name string
	// open makes one. given is the caller's, nil for one that is closed; the rest is the other end.
	open func(dir string, input bool) (given *os.File, rest far, err error)
}

// far is the other end of a stream.
type far struct {
	end  *os.File // what is written arrives here; nil where it can't be seen
	path string   // or is in this file
}

var kindsOfStreams = []kindOfStream{
	{"closed", func(string, bool) (*os.File, far, error) { return nil, far{}, nil }},
	{"null, to read", device(os.DevNull, os.O_RDONLY)},
	{"null, to write", device(os.DevNull, os.O_WRONLY)},
	{"null, for both", device(os.DevNull, os.O_RDWR)},
	{"full", device("/dev/full", os.O_RDWR)},
	{"file", regular(os.O_RDWR, false)},
	{"file, to read", regular(os.O_RDONLY, false)},
	{"file, to append", regular(os.O_RDWR|os.O_APPEND, false)},
	{"file without a name", regular(os.O_RDWR, true)},
	{"file that nobody may open", func(dir string, input bool) (*os.File, far, error) {
		given, rest, err := regular(os.O_RDWR, true)(dir, input)
		if err == nil {
			err = given.Chmod(0)
		}
		return given, rest, err
	}},
	{"pipe", anonymousPipe},
	{"pipe, non-blocking", func(_ string, input bool) (*os.File, far, error) {
		var p [2]int
		err := unix.Pipe2(p[:], unix.O_CLOEXEC|unix.O_NONBLOCK)
		return ends(os.NewFile(uintptr(p[0]), "pipe"), os.NewFile(uintptr(p[1]), "pipe"), input, err)
	}},
	{"FIFO", func(dir string, input bool) (*os.File, far, error) {
		path := filepath.Join(dir, "fifo")
		if err := unix.Mkfifo(path, 0o600); err != nil {
			return nil, far{}, err
		}
		r, err := os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK, 0)
		if err != nil {
			return nil, far{}, err
		}
		w, err := os.OpenFile(path, os.O_WRONLY, 0)
		if err == nil && input {
			err = unix.SetNonblock(int(r.Fd()), false)
		}
		return ends(r, w, input, err)
	}},
	{"socket", func(_ string, input bool) (*os.File, far, error) {
		s, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
		return ends(os.NewFile(uintptr(s[0]), "socket"), os.NewFile(uintptr(s[1]), "socket"), input, err)
	}},
	{"terminal", func(_ string, input bool) (*os.File, far, error) {
		ours, theirs, err := pty.Open()
		if err == nil && input {
			_, err = ours.WriteString(typed)
		}
		return theirs, far{end: ours}, err
	}},
	{"directory", func(dir string, _ bool) (*os.File, far, error) {
		f, err := os.Open(dir)
		return f, far{}, err
	}},
}

func anonymousPipe(_ string, input bool) (*os.File, far, error) {
	r, w, err := os.Pipe()
	return ends(r, w, input, err)
}

func device(path string, flag int) func(string, bool) (*os.File, far, error) {
	return func(string, bool) (*os.File, far, error) {
		f, err := os.OpenFile(path, flag, 0)
		return f, far{}, err
	}
}

// regular is a file that holds what there is to read, and without a name can't be opened again.
func regular(flag int, removed bool) func(string, bool) (*os.File, far, error) {
	return func(dir string, input bool) (*os.File, far, error) {
		path, text := filepath.Join(dir, "file"), ""
		if input {
			text = typed
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			return nil, far{}, err
		}
		f, err := os.OpenFile(path, flag, 0)
		if err != nil || !removed {
			return f, far{path: path}, err
		}
		seen, err := os.Open(path)
		return f, far{end: seen}, errors.Join(err, os.Remove(path))
	}
}

// ends gives one end to the caller. What there is to read is written, and ends.
func ends(r, w *os.File, input bool, err error) (*os.File, far, error) {
	if err != nil || !input {
		return w, far{end: r}, err
	}
	_, err = w.WriteString(typed)
	return r, far{}, errors.Join(err, w.Close())
}

// collect reads what arrives until the end. What it returns waits for that; it is called once the
// caller has ended.
func (f far) collect() (text func() string) {
	if f.end == nil {
		return func() string {
			b, _ := os.ReadFile(f.path)
			return string(b)
		}
	}
	var b strings.Builder
	var read sync.WaitGroup
	var st unix.Stat_t
	if unix.Fstat(int(f.end.Fd()), &st) == nil && st.Mode&unix.S_IFMT != unix.S_IFREG {
		read.Go(func() { _, _ = io.Copy(&b, f.end) }) // EIO is a terminal's end
	}
	return func() string {
		read.Wait()
		_, _ = io.Copy(&b, f.end)
		return strings.ReplaceAll(b.String(), "\r", "")
	}
}

// streamsOf opens three streams, the one numbered of this kind, and the others pipes.
func streamsOf(t *testing.T, kind kindOfStream, number int) (given [3]*os.File, others [3]far, err error) {
	t.Helper()
	for i := range given {
		k := kind
		if i != number {
			k.open = anonymousPipe
		}
		if given[i], others[i], err = k.open(t.TempDir(), i == 0); err != nil {
			return given, others, err
		}
	}
	return given, others, nil
}
