//go:build unix

// Package pooled reads from many files, of which most have nothing to read most of the time, into a few buffers, and writes
// to them without waiting.
package pooled

import (
	"errors"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// Read waits until there is something to read, takes a buffer from pool only then, and reads into it. read makes the system
// call, which must not block. The caller puts the buffer, a *B, back unless it is nil. n and err are those of read.
func Read[B any](raw syscall.RawConn, pool *sync.Pool, read func(fd int, into *B) (int, error)) (buf *B, n int, err error) {
	waited := raw.Read(func(fd uintptr) bool {
		b := pool.Get().(*B)
		for {
			n, err = read(int(fd), b)
			if !errors.Is(err, unix.EINTR) {
				break
			}
		}
		if errors.Is(err, unix.EAGAIN) {
			pool.Put(b)
			return false
		}
		buf = b
		return true
	})
	if waited != nil {
		return nil, 0, waited
	}
	return buf, n, err
}

// TryWrite writes what can be written at once, perhaps nothing, which is no error. The descriptor must not block.
func TryWrite(raw syscall.RawConn, b []byte) (n int, err error) {
	waited := raw.Write(func(fd uintptr) bool {
		for {
			if n, err = unix.Write(int(fd), b); !errors.Is(err, unix.EINTR) {
				return true
			}
		}
	})
	if errors.Is(err, unix.EAGAIN) {
		err = nil
	}
	if waited != nil {
		err = waited
	}
	return max(n, 0), err
}
