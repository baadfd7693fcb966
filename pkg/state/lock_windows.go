package state

import (
	"os"

	"golang.org/x/sys/windows"
)

// behind is the offset of the locked byte. It is after the record, since a locked range cannot be read.
const behind = 1 << 30

// lock locks the file. Windows releases the lock when the process dies.
func lock(f *os.File) error { return lockFile(f, windows.LOCKFILE_EXCLUSIVE_LOCK) }

// tryLock locks the file if no process has the lock.
func tryLock(f *os.File) bool {
	return lockFile(f, windows.LOCKFILE_EXCLUSIVE_LOCK|windows.LOCKFILE_FAIL_IMMEDIATELY) == nil
}

func lockFile(f *os.File, how uint32) error {
	return windows.LockFileEx(windows.Handle(f.Fd()), how, 0, 1, 0, &windows.Overlapped{Offset: behind})
}
