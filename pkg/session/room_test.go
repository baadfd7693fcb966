//go:build linux

package session

import (
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// A large write waits until half of a full pipe was read, and then not before it is full again. A reader that has stopped is not
// waited for here, and small writes wait never.
func TestRoom(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	const part = 128 << 10
	pauses := 0
	of := newRoom(int(w.Fd()))
	if of.size < 4*part {
		t.Fatalf("the pipe has %d bytes", of.size)
	}
	longest := firstPause
	of.pause = func(d time.Duration) {
		pauses++
		longest = max(longest, d)
		if _, err := r.Read(make([]byte, part)); err != nil {
			t.Error(err)
		}
	}
	write := func(n int) (waited int) {
		t.Helper()
		pauses = 0
		of.await(n)
		return pauses
	}
	fill := func(held int) {
		t.Helper()
		for ; held < of.size; held += part {
			if waited := write(part); waited > 0 {
				t.Errorf("waited %d times with %d bytes in the pipe", waited, held)
			}
			if _, err := w.Write(make([]byte, part)); err != nil {
				t.Fatal(err)
			}
		}
	}
	fill(0)
	if waited := write(leastAwaited - 1); waited > 0 {
		t.Errorf("waited %d times for a small write", waited)
	}
	if waited, half := write(part), of.size/2/part; waited != half {
		t.Errorf("waited %d times, not %d", waited, half)
	}
	if held, err := unix.IoctlGetUint32(of.fd, unix.TIOCINQ); err != nil || int(held) != of.size/2 {
		t.Errorf("%d bytes are left, %v", held, err)
	}
	fill(of.size / 2)
	if longest != firstPause {
		t.Errorf("a pause of %v although the reader reads", longest)
	}
	of.pause = func(d time.Duration) {
		pauses++
		longest = max(longest, d)
	}
	if waited := write(part); waited != mostPauses || longest != lastPause {
		t.Errorf("waited %d times, up to %v, for a reader that does not read", waited, longest)
	}
}

// What is no pipe is not waited for.
func TestRoomOfAFile(t *testing.T) {
	file, err := os.CreateTemp(t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	other := newRoom(int(file.Fd()))
	other.pause = func(time.Duration) { t.Error("waited for a file") }
	other.await(leastAwaited)
}
