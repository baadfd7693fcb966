//go:build linux

package procfs

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// MaxFile is the most that ReadFile reads of a file, in bytes. The largest file that the kernel
// generates is the status of a process in NGROUPS_MAX groups, 0.7 MB.
const MaxFile = 1 << 20

// Open opens /proc/PID with O_PATH. What is read through it always belongs to the same process: when the
// process has ended, reading fails with ESRCH, even if another process has its number.
func Open(pid int) (*os.File, error) { return OpenDir("/proc/" + strconv.Itoa(pid)) }

// OpenDir is like Open, but takes a path, such as a thread's directory /proc/PID/task/TID.
func OpenDir(path string) (*os.File, error) {
	fd, err := unix.Open(path, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: path, Err: err}
	}
	return os.NewFile(uintptr(fd), path), nil
}

// ReadFile reads a whole file of an open /proc/PID. A file larger than MaxFile is an error.
func ReadFile(dir *os.File, name string) (string, error) {
	var text []byte
	err := readParts(dir, name, func(part []byte) bool {
		text = append(text, part...)
		return len(text) <= MaxFile
	})
	if err == nil && len(text) > MaxFile {
		err = errTooLarge(dir, name)
	}
	return string(text), err
}

func errTooLarge(dir *os.File, name string) error {
	return fmt.Errorf("%s: larger than %d bytes", path(dir, name), MaxFile)
}

// ReadLines calls see with each line of a file of an open /proc/PID until see returns false. A line
// longer than MaxFile is an error.
func ReadLines(dir *os.File, name string, see func(line string) bool) error {
	return ReadLinesWith(dir, name, "", see)
}

// ReadLinesWith is like ReadLines, but calls see only with lines that contain text. Nothing of the others stays in memory, which
// a child of this process would inherit: a table of an engine's mounts names all of its containers.
func ReadLinesWith(dir *os.File, name, text string, see func(line string) bool) error {
	var held []byte // the beginning of a line
	defer func() { clear(held[:cap(held)]) }()
	more, with := true, []byte(text)
	seeLine := func(line []byte) {
		if bytes.Contains(line, with) {
			more = see(string(line))
		}
	}
	err := readParts(dir, name, func(part []byte) bool {
		held = appendAndWipe(held, part)
		seen := 0
		for more {
			line, _, whole := bytes.Cut(held[seen:], []byte("\n"))
			if !whole {
				break
			}
			seeLine(line)
			seen += len(line) + 1
		}
		held = held[:copy(held, held[seen:])]
		return more && len(held) <= MaxFile
	})
	switch {
	case err != nil || !more:
		return err
	case len(held) > MaxFile:
		return errTooLarge(dir, name)
	case len(held) > 0:
		seeLine(held)
	}
	return nil
}

// appendAndWipe is append, but leaves nothing in an array that it replaces.
func appendAndWipe(to, part []byte) []byte {
	if len(to)+len(part) <= cap(to) {
		return append(to, part...)
	}
	larger := make([]byte, 0, 2*cap(to)+len(part))
	larger = append(append(larger, to...), part...)
	clear(to[:cap(to)])
	return larger
}

// readParts calls take with one part of the file after another until take returns false. The kernel
// generates only what is read. The next part overwrites the last. Without a name, dir is the file itself, which is read
// from its beginning.
func readParts(dir *os.File, name string, take func(part []byte) bool) error {
	fd := int(dir.Fd())
	if name == "" {
		if _, err := unix.Seek(fd, 0, unix.SEEK_SET); err != nil {
			return &os.PathError{Op: "seek", Path: dir.Name(), Err: err}
		}
	} else {
		var err error
		if fd, err = unix.Openat(fd, name, unix.O_RDONLY|unix.O_CLOEXEC|unix.O_NOCTTY, 0); err != nil {
			return &os.PathError{Op: "open", Path: path(dir, name), Err: err}
		}
		defer unix.Close(fd)
	}
	buf := make([]byte, 2<<10) // most files are shorter
	defer clear(buf)
	for {
		n, err := unix.Read(fd, buf)
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case err != nil:
			return &os.PathError{Op: "read", Path: path(dir, name), Err: err}
		case n == 0 || !take(buf[:n]):
			return nil
		}
	}
}

// ReadLink reads a link of an open /proc/PID.
func ReadLink(dir *os.File, name string) (string, error) {
	var buf [unix.PathMax]byte // on the stack
	n, err := unix.Readlinkat(int(dir.Fd()), name, buf[:])
	if err != nil {
		return "", &os.PathError{Op: "readlink", Path: path(dir, name), Err: err}
	}
	return string(buf[:n]), nil
}

func path(dir *os.File, name string) string { return dir.Name() + "/" + name }
