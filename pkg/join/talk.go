//go:build linux

package join

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// talk is what the helper and its children speak by: memory for the first child's word, a
// pipe for the second one's byte, and a pipe for the helper's word to go on. A container may fill,
// empty or keep the pipes: the helper's ends don't wait.
type talk struct {
	memory []byte
	word   *word

	said, gate      int      // the helper's ends
	sayEnd, hearEnd *os.File // the children's
}

func newTalk() (_ *talk, err error) {
	t := &talk{said: -1, gate: -1}
	defer func() {
		if err != nil {
			t.close()
		}
	}()
	if t.memory, t.word, err = newWord(); err != nil {
		return nil, err
	}
	var sayEnd, hearEnd int
	if t.said, sayEnd, err = pipe(); err != nil {
		return nil, err
	}
	t.sayEnd = os.NewFile(uintptr(sayEnd), "pipe")
	if hearEnd, t.gate, err = pipe(); err != nil {
		return nil, err
	}
	t.hearEnd = os.NewFile(uintptr(hearEnd), "pipe")
	return t, errors.Join(unix.SetNonblock(t.said, true), unix.SetNonblock(t.gate, true))
}

// pipe makes a pipe with both ends above the descriptors that the child puts in their places.
func pipe() (r, w int, err error) {
	var fds [2]int
	if err := unix.Pipe2(fds[:], unix.O_CLOEXEC); err != nil {
		return -1, -1, fmt.Errorf("pipe: %w", err)
	}
	defer unix.Close(fds[0])
	defer unix.Close(fds[1])
	if r, err = unix.FcntlInt(uintptr(fds[0]), unix.F_DUPFD_CLOEXEC, abovePlain); err != nil {
		return -1, -1, fmt.Errorf("pipe: %w", err)
	}
	if w, err = unix.FcntlInt(uintptr(fds[1]), unix.F_DUPFD_CLOEXEC, abovePlain); err != nil {
		unix.Close(r)
		return -1, -1, fmt.Errorf("pipe: %w", err)
	}
	return r, w, nil
}

// closeTheirs closes the children's ends, once they have them.
func (t *talk) closeTheirs() {
	t.sayEnd.Close()
	t.hearEnd.Close()
}

// letGo lets a child go on that waits.
func (t *talk) letGo() error {
	_, err := unix.Write(t.gate, []byte{1})
	if errors.Is(err, unix.EAGAIN) {
		return nil // somebody else has filled the pipe: it does
	}
	return err
}

// heard takes a byte from the pipe, and tells whether there was one.
func (t *talk) heard() bool {
	n, _ := unix.Read(t.said, make([]byte, 1))
	return n == 1
}

func (t *talk) closeGate() {
	if t.gate >= 0 {
		unix.Close(t.gate)
	}
	t.gate = -1
}

func (t *talk) close() {
	t.closeTheirs()
	t.closeGate()
	if t.said >= 0 {
		unix.Close(t.said)
	}
	t.said = -1
	if t.memory != nil {
		_ = unix.Munmap(t.memory)
	}
	t.memory, t.word = nil, nil
}
