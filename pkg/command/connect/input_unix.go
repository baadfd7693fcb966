//go:build unix

package connect

import (
	"errors"
	"io"
	"os"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// input is standard input. After end, it ends when a read would wait.
type input struct {
	file            *os.File
	awake, sleeping *os.File // a pipe, closed by end; nil if there is none
	unpolled        atomic.Bool
	begunAndEnded   atomic.Uint64 // reads of file
}

func newInput(f *os.File) *input {
	in := &input{file: f}
	in.awake, in.sleeping, _ = os.Pipe()
	return in
}

// Read waits until there is something to read, or end was called.
func (in *input) Read(b []byte) (int, error) {
	if in.awake == nil {
		return in.read(b)
	}
	fds := []unix.PollFd{{Fd: int32(in.file.Fd()), Events: unix.POLLIN}, {Fd: int32(in.awake.Fd()), Events: unix.POLLIN}}
	for {
		n, err := unix.Poll(fds, -1)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		ready := n > 0 && fds[0].Revents&(unix.POLLIN|unix.POLLHUP|unix.POLLERR) != 0
		if n > 0 && !ready && fds[1].Revents != 0 {
			return 0, io.EOF
		}
		if !ready { // the file cannot be polled
			in.unpolled.Store(true)
		}
		return in.read(b)
	}
}

func (in *input) read(b []byte) (int, error) {
	in.begunAndEnded.Add(1)
	defer in.begunAndEnded.Add(1)
	return in.file.Read(b)
}

// reading returns a number of the read that is under way; 0 if none is.
func (in *input) reading() uint64 {
	n := in.begunAndEnded.Load()
	return n * (n % 2)
}

func (in *input) end() {
	if in.sleeping != nil {
		in.sleeping.Close()
	}
}

// ends reports whether the reader ends after end.
func (in *input) ends() bool { return in.awake != nil && !in.unpolled.Load() }
