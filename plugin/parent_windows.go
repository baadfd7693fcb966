package main

import (
	"errors"
	"os"

	"golang.org/x/sys/windows"
)

// parent is the process that started us, the Docker CLI.
type parent struct {
	handle windows.Handle // 0 where it can't be had
}

// newParent opens the parent. The number that Windows tells stays when the parent ends, and
// may be another process's by now: one that is younger than we are.
func newParent() parent {
	const rights = windows.SYNCHRONIZE | windows.PROCESS_QUERY_LIMITED_INFORMATION
	handle, err := windows.OpenProcess(rights, false, uint32(os.Getppid()))
	if err != nil {
		return parent{}
	}
	theirs, err := created(handle)
	ours, ourErr := created(windows.CurrentProcess())
	if err != nil || ourErr != nil || theirs > ours {
		_ = windows.CloseHandle(handle)
		return parent{}
	}
	return parent{handle: handle}
}

// created is when a process was created, in nanoseconds since 1970.
func created(process windows.Handle) (int64, error) {
	var creation, exit, kernel, user windows.Filetime
	err := windows.GetProcessTimes(process, &creation, &exit, &kernel, &user)
	return creation.Nanoseconds(), err
}

// gone tells whether the parent has ended, as far as that can be told.
func (p parent) gone() bool {
	if p.handle == 0 {
		return false
	}
	event, err := windows.WaitForSingleObject(p.handle, 0)
	return err == nil && event == windows.WAIT_OBJECT_0
}

// wait waits for the parent's end. It fails where that can't be waited for.
func (p parent) wait() error {
	if p.handle == 0 {
		return errors.ErrUnsupported
	}
	_, err := windows.WaitForSingleObject(p.handle, windows.INFINITE)
	return err
}
