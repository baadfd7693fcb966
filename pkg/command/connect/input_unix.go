//go:build unix

package connect

import (
	"errors"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// input is standard input. After end, it ends when a read would wait.
type input struct {
	file            *os.File
	awake, sleeping *os.File // a pipe, closed by end; nil if there is none
}

func newInput(f *os.File) *input {
	in := &input{file: f}
	in.awake, in.sleeping, _ = os.Pipe()
	return in
}

// Read waits until there is something to read, or end was called.
func (in *input) Read(b []byte) (int, error) {
	if in.awake == nil {
		return in.file.Read(b)
	}
	fds := []unix.PollFd{{Fd: int32(in.file.Fd()), Events: unix.POLLIN}, {Fd: int32(in.awake.Fd()), Events: unix.POLLIN}}
	for {
		n, err := unix.Poll(fds, -1)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if n > 0 && fds[0].Revents == 0 {
			return 0, io.EOF
		}
		return in.file.Read(b) // also of a file that cannot be polled
	}
}

func (in *input) end() {
	if in.sleeping != nil {
		in.sleeping.Close()
	}
}

// ends reports whether the reader ends after end.
func (in *input) ends() bool { return in.awake != nil }

// close frees what the reader needs, if it has ended.
func (in *input) close() { in.end() }
