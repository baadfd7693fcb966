package tool

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"
)

// ErrNotRegular is the error for a FIFO, a device, a socket or a directory in the place of a file.
var ErrNotRegular = errors.New("not a regular file")

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

// Overwrite writes a text into a file that was looked at before. Another file that has the name by now, perhaps through a
// link that another user has made, is left alone. With no file before, one is made.
func Overwrite(path string, was fs.FileInfo, text []byte) error {
	flags := os.O_WRONLY | unix.O_NONBLOCK | unix.O_NOCTTY
	if was == nil {
		flags = os.O_WRONLY | os.O_CREATE | os.O_EXCL
	}
	file, err := os.OpenFile(path, flags, 0o666) //nolint:gosec // the umask decides
	if err != nil {
		return err
	}
	if was != nil {
		now, err := file.Stat()
		if err == nil && !os.SameFile(now, was) {
			err = fmt.Errorf("%s: it was replaced meanwhile", Printable(path))
		}
		if err == nil {
			err = Held(func() error { return replaceText(file, now.Size(), text) })
		}
		return errors.Join(err, file.Close())
	}
	_, err = file.Write(text)
	return errors.Join(err, file.Close())
}

// replaceText writes a text over that of a file. What is longer than the old text is written first: if there is no room
// for it, the file keeps the old text.
func replaceText(file *os.File, size int64, text []byte) error {
	if int64(len(text)) > size {
		if _, err := file.WriteAt(text[size:], size); err != nil {
			return errors.Join(err, file.Truncate(size))
		}
		text = text[:size]
		_, err := file.WriteAt(text, 0)
		return err
	}
	if _, err := file.WriteAt(text, 0); err != nil {
		return err
	}
	return file.Truncate(int64(len(text)))
}

// InTheWay reports whether an error says that no file can be made or renamed in a directory, so that only the old file
// can be written: a file that is a mount, or a directory that is not the user's. After another error, such as that of a
// full disk, writing would fail too and take away what the file has.
func InTheWay(err error) bool {
	for _, never := range []error{fs.ErrPermission, unix.EROFS, unix.EXDEV, unix.EBUSY} {
		if errors.Is(err, never) {
			return true
		}
	}
	return false
}
