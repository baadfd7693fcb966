package tool

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// ErrNotRegular is the error of OpenRegular for a FIFO, a device, a socket or a directory.
var ErrNotRegular = errors.New("not a regular file")

// OpenRegular opens a regular file. A FIFO that has the name by now is not waited for, and a device is not read.
// Tools that walk through directories use it, since a container can replace its files at any moment.
func OpenRegular(path string) (*os.File, error) {
	file, err := os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK|unix.O_NOCTTY, 0)
	if err != nil {
		return nil, err
	}
	return Regular(file)
}

// Regular returns a file that was opened if it is a regular one. Otherwise it closes it.
func Regular(file *os.File) (*os.File, error) {
	info, err := file.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = &os.PathError{Op: "open", Path: file.Name(), Err: ErrNotRegular}
	}
	if err != nil {
		file.Close()
		return nil, err
	}
	return file, nil
}
