package state

import (
	"os"

	"golang.org/x/sys/windows"
)

// behind is where the lock is: what is locked can't be read, so it is behind the record.
const behind = 1 << 30

// lock takes the file's lock, which the system takes back from a process that dies.
func lock(f *os.File) error { return lockFile(f, windows.LOCKFILE_EXCLUSIVE_LOCK) }

// tryLock takes it if nobody has it.
func tryLock(f *os.File) bool {
	return lockFile(f, windows.LOCKFILE_EXCLUSIVE_LOCK|windows.LOCKFILE_FAIL_IMMEDIATELY) == nil
}

func lockFile(f *os.File, how uint32) error {
	return windows.LockFileEx(windows.Handle(f.Fd()), how, 0, 1, 0, &windows.Overlapped{Offset: behind})
}
