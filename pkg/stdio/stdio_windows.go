package stdio

import (
	"errors"
	"io"
	"os"
	"syscall"

	"github.com/nsjoin/docker-nsjoin/pkg/request"
)

// Streams describes the standard streams of this process. A console has no background.
func Streams() request.Streams {
	return request.Streams{
		InputTerminal: IsTerminal(os.Stdin), OutputTerminal: IsTerminal(os.Stdout), ErrorsTerminal: IsTerminal(os.Stderr),
		Foreground: true,
	}
}

// InputPending reports whether standard input is a file that has something to read, without reading it.
func InputPending() bool {
	if !IsRegular(os.Stdin) {
		return false
	}
	st, err := os.Stdin.Stat()
	if err != nil {
		return false
	}
	at, err := os.Stdin.Seek(0, io.SeekCurrent)
	return err == nil && at < st.Size()
}

// IsRegular reports whether f is a regular file.
func IsRegular(f *os.File) bool {
	st, err := f.Stat()
	return err == nil && st.Mode().IsRegular()
}

// IsNull reports whether f is the null device. Windows numbers only what is on a disk, so all devices
// and pipes are one file to os.SameFile.
func IsNull(f *os.File) bool {
	st, err := f.Stat()
	if err != nil || st.Mode()&os.ModeCharDevice == 0 || IsTerminal(f) {
		return false
	}
	null, err := os.Stat(os.DevNull)
	return err == nil && os.SameFile(st, null)
}

// SameFile reports whether a and b are the same file, as far as that is known: see IsNull.
func SameFile(a, b *os.File) bool {
	of, err := a.Stat()
	if err != nil {
		return false
	}
	other, err := b.Stat()
	if err != nil || !os.SameFile(of, other) {
		return false
	}
	return of.Mode().IsRegular() || IsTerminal(a) && IsTerminal(b)
}

// IsBrokenPipe reports whether a write failed because its reader is gone.
func IsBrokenPipe(err error) bool {
	const noData = syscall.Errno(232) // ERROR_NO_DATA: the pipe is being closed
	return errors.Is(err, syscall.ERROR_BROKEN_PIPE) || errors.Is(err, noData)
}
