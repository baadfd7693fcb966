//go:build linux

package session

import (
	"time"

	"golang.org/x/sys/unix"
)

// room waits for room in a pipe for much at once. write(2) would wait too, but the reader wakes it for each part that becomes
// free, which is one page where the reader takes 4 KiB at a time, as containerd's shim does: 250,000 wake-ups for 1 GiB, which
// take more time of the processors than the copying.
type room struct {
	fd    int
	size  int // of the pipe; 0 if the file is none
	pause func(time.Duration)
}

const (
	// leastAwaited is what the wait is for. Less is written at once.
	leastAwaited = 16 << 10
	// mostPauses limits the wait: write(2) waits for a reader that has stopped.
	mostPauses = 8
	firstPause = time.Millisecond // in which a reader takes less than half of a large pipe
	lastPause  = 8 * firstPause
)

// newRoom enlarges the pipe fd, as far as the user may.
func newRoom(fd int) room {
	size, err := unix.FcntlInt(uintptr(fd), unix.F_SETPIPE_SZ, pipeSize)
	if err != nil {
		size, _ = unix.FcntlInt(uintptr(fd), unix.F_GETPIPE_SZ, 0)
	}
	return room{fd, max(size, 0), time.Sleep}
}

// await waits until half of the pipe was read, if there is no room for n bytes, and n is much, but no large part of the pipe. It
// does not wait long.
func (r room) await(n int) {
	const part = 4
	if n < leastAwaited || n > r.size/part {
		return
	}
	const little = 16 // a part of the pipe
	most, pause, before := r.size-n, firstPause, 0
	for range mostPauses {
		unread, err := unix.IoctlGetUint32(r.fd, unix.TIOCINQ)
		held := int(unread)
		if err != nil || held <= most {
			return
		}
		if before > 0 && before-held < r.size/little {
			pause = min(2*pause, lastPause)
		}
		most, before = r.size/2, held //nolint:mnd // a half
		r.pause(pause)
	}
}
