//go:build linux

// Package memfd makes memory files, memfd_create(2), and seals them.
package memfd

import (
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// Create makes a memory file. mode is MFD_EXEC or MFD_NOEXEC_SEAL, which Linux before
// 6.3 does not know. The file is closed on exec.
func Create(name string, mode int) (*os.File, error) {
	const flags = unix.MFD_CLOEXEC | unix.MFD_ALLOW_SEALING
	fd, err := unix.MemfdCreate(name, flags|mode)
	if errors.Is(err, unix.EINVAL) {
		fd, err = unix.MemfdCreate(name, flags)
	}
	if err != nil {
		return nil, fmt.Errorf("make memory file %s: memfd_create: %w", name, err)
	}
	return os.NewFile(uintptr(fd), name), nil
}

// Sealed makes a memory file, calls write to fill it, and seals it: nobody can change it or remove the
// seals afterwards. write may be called again, with another file.
func Sealed(name string, mode int, write func(*os.File) error) (*os.File, error) {
	return sealed(name, mode, write, pause)
}

// The kernel answers F_SEAL_WRITE with EBUSY while something else holds a page of the file,
// such as compaction or migration of memory. It waits for that itself, about 150 ms
// (mm/memfd.c, memfd_wait_for_pins).
const (
	tries = 4 // for each file
	files = 3 // a new file has other pages
)

// pause waits between two tries.
func pause() { time.Sleep(10 * time.Millisecond) }

func sealed(name string, mode int, write func(*os.File) error, pause func()) (*os.File, error) {
	var err error
	for range files {
		var f *os.File
		if f, err = Create(name, mode); err != nil {
			return nil, err
		}
		if err = write(f); err == nil {
			err = seal(f, pause)
		}
		if err == nil {
			return f, nil
		}
		f.Close()
		if !errors.Is(err, unix.EBUSY) {
			return nil, err
		}
	}
	return nil, err
}

// seal seals f. pause is called before each further try.
func seal(f *os.File, pause func()) error {
	const all = unix.F_SEAL_SEAL | unix.F_SEAL_SHRINK | unix.F_SEAL_GROW | unix.F_SEAL_WRITE
	_, err := unix.FcntlInt(f.Fd(), unix.F_ADD_SEALS, all)
	for try := 1; try < tries && errors.Is(err, unix.EBUSY); try++ {
		pause()
		_, err = unix.FcntlInt(f.Fd(), unix.F_ADD_SEALS, all)
	}
	if err != nil {
		return fmt.Errorf("seal memory file %s: %w", f.Name(), err)
	}
	return nil
}
