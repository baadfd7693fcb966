//go:build unix

package main

import (
	"io"
	"os"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/pkg/request"
)

// callerStreams tells what the caller's standard streams are.
func callerStreams() request.Streams {
	group, err := ioctlNumber(0, unix.TIOCGPGRP) // fails where it isn't our controlling terminal
	s := request.Streams{
		InputTerminal: isTerminal(os.Stdin), OutputTerminal: isTerminal(os.Stdout),
		Foreground: err == nil && group == unix.Getpgrp(),
	}
	s.ErrorsTerminal = isTerminal(os.Stderr) && sameTerminal(os.Stdout, os.Stderr)
	return s
}

// sameTerminal tells whether two open files are one terminal; one may be open as /dev/tty.
func sameTerminal(a, b *os.File) bool {
	var x, y, tty unix.Stat_t
	if unix.Fstat(int(a.Fd()), &x) != nil || unix.Fstat(int(b.Fd()), &y) != nil {
		return false
	}
	return x.Rdev == y.Rdev || unix.Stat("/dev/tty", &tty) == nil && y.Rdev == tty.Rdev
}

// inputWaits tells whether something can be read from a file or a pipe, without reading it.
func inputWaits(f *os.File) bool {
	st, err := f.Stat()
	if err != nil {
		return false
	}
	if st.Mode().IsRegular() {
		at, err := f.Seek(0, io.SeekCurrent)
		return err == nil && at < st.Size()
	}
	if st.Mode()&os.ModeNamedPipe == 0 {
		return false
	}
	n, err := ioctlNumber(int(f.Fd()), fionread)
	return err == nil && n > 0
}
