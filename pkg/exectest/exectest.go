// Package exectest writes programs that tests execute.
package exectest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"
)

// Write writes a file that can be executed at once. If a child of another test were between fork and exec meanwhile, it would
// have the file open for writing, and the kernel would not execute it (ETXTBSY).
func Write(name string, text []byte) error {
	return Copy(name, bytes.NewReader(text), int64(len(text)))
}

// Copy is Write with a text from a reader. It returns an error if that is not of the size, in bytes.
func Copy(name string, text io.Reader, size int64) error {
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	file, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o755) //nolint:gosec // a program
	if err != nil {
		return err
	}
	n, err := io.Copy(file, text)
	if err == nil && n != size {
		err = fmt.Errorf("%d bytes, want %d", n, size)
	}
	return errors.Join(err, file.Close())
}
