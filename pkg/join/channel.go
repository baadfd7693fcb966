//go:build linux

package join

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// channel is how the helper and its children communicate: memory for the first child's report, the
// notify pipe for bytes from the children, and the sync pipe for the helper's byte that lets a child
// go on. A container may fill, empty or keep the pipes, so the helper's ends don't block.
type channel struct {
	memory []byte
	report *report

	notify, sync           int      // the helper's ends
	childNotify, childSync *os.File // the children's ends
}

func newChannel() (_ *channel, err error) {
	ch := &channel{notify: -1, sync: -1}
	defer func() {
		if err != nil {
			ch.close()
		}
	}()
	if ch.memory, ch.report, err = newReport(); err != nil {
		return nil, err
	}
	var childNotify, childSync int
	if ch.notify, childNotify, err = pipe(); err != nil {
		return nil, err
	}
	ch.childNotify = os.NewFile(uintptr(childNotify), "pipe")
	if childSync, ch.sync, err = pipe(); err != nil {
		return nil, err
	}
	ch.childSync = os.NewFile(uintptr(childSync), "pipe")
	return ch, errors.Join(unix.SetNonblock(ch.notify, true), unix.SetNonblock(ch.sync, true))
}

// pipe makes a pipe with both ends above the descriptors that the child duplicates files to.
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

// closeChildEnds closes the children's ends, once the first child has been forked.
func (ch *channel) closeChildEnds() {
	ch.childNotify.Close()
	ch.childSync.Close()
}

// resume lets a waiting child go on.
func (ch *channel) resume() error {
	_, err := unix.Write(ch.sync, []byte{1})
	if errors.Is(err, unix.EAGAIN) {
		return nil // a process of the container has filled the pipe: the child reads one of its bytes
	}
	return err
}

// readByte takes a byte from the notify pipe and reports whether there was one.
func (ch *channel) readByte() bool {
	n, _ := unix.Read(ch.notify, make([]byte, 1))
	return n == 1
}

func (ch *channel) closeSync() {
	if ch.sync >= 0 {
		unix.Close(ch.sync)
	}
	ch.sync = -1
}

func (ch *channel) close() {
	ch.closeChildEnds()
	ch.closeSync()
	if ch.notify >= 0 {
		unix.Close(ch.notify)
	}
	ch.notify = -1
	if ch.memory != nil {
		_ = unix.Munmap(ch.memory)
	}
	ch.memory, ch.report = nil, nil
}
