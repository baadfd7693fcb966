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

// typed is the content of each standard input.
const typed = "hello\n"

// kindOfStream is a kind of file that a standard stream of the caller can be.
type kindOfStream struct {
	name string
	// open opens one, for input or output. given is the caller's end, or nil for a closed stream.
	open func(dir string, input bool) (given *os.File, rest far, err error)
}

// far is the far end of a stream: what the command writes can be read there.
type far struct {
	end  *os.File // the far end of a pipe, socket or terminal; nil if it cannot be read
	path string   // the file that the command writes to, or ""
}

var kindsOfStreams = []kindOfStream{
	{"closed", func(string, bool) (*os.File, far, error) { return nil, far{}, nil }},
	{"null, read-only", device(os.DevNull, os.O_RDONLY)},
	{"null, write-only", device(os.DevNull, os.O_WRONLY)},
	{"null, read-write", device(os.DevNull, os.O_RDWR)},
	{"full", device("/dev/full", os.O_RDWR)},
	{"file", regular(os.O_RDWR, false)},
	{"file, read-only", regular(os.O_RDONLY, false)},
	{"file, append", regular(os.O_RDWR|os.O_APPEND, false)},
	{"deleted file", regular(os.O_RDWR, true)},
	{"deleted file with mode 0", func(dir string, input bool) (*os.File, far, error) {
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

// regular opens a file, with content for input. If removed is set, the file is deleted, so that it
// cannot be opened again.
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

// ends returns one end of a pipe for the caller. For input it writes the content and closes the other end.
func ends(r, w *os.File, input bool, err error) (*os.File, far, error) {
	if err != nil || !input {
		return w, far{end: r}, err
	}
	_, err = w.WriteString(typed)
	return r, far{}, errors.Join(err, w.Close())
}

// collect starts to read what arrives. The function that it returns waits for the end; call it once
// the caller has ended.
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
		read.Go(func() { _, _ = io.Copy(&b, f.end) }) // a terminal ends with EIO
	}
	return func() string {
		read.Wait()
		_, _ = io.Copy(&b, f.end)
		return strings.ReplaceAll(b.String(), "\r", "")
	}
}

// streamsOf opens three streams: the one with this number has the kind, the others are pipes.
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
