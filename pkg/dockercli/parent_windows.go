package dockercli

import (
	"errors"
	"os"

	"golang.org/x/sys/windows"
)

// Parent is the process that started the plugin: the Docker CLI. It is nil for a program of its own, which goes
// on when its parent ends, as every command does.
type Parent struct {
	handle windows.Handle // 0 if it could not be opened
}

// FindParent opens the parent process. Windows keeps its pid when it ends, and may give the pid to
// another process, which is younger than the plugin then.
func FindParent() *Parent {
	const rights = windows.SYNCHRONIZE | windows.PROCESS_QUERY_LIMITED_INFORMATION
	handle, err := windows.OpenProcess(rights, false, uint32(os.Getppid()))
	if err != nil {
		return &Parent{}
	}
	theirs, err := created(handle)
	ours, ourErr := created(windows.CurrentProcess())
	if err != nil || ourErr != nil || theirs > ours {
		_ = windows.CloseHandle(handle)
		return &Parent{}
	}
	return &Parent{handle: handle}
}

// created returns when a process was created, in nanoseconds since 1970.
func created(process windows.Handle) (int64, error) {
	var creation, exit, kernel, user windows.Filetime
	err := windows.GetProcessTimes(process, &creation, &exit, &kernel, &user)
	return creation.Nanoseconds(), err
}

// Gone reports whether the parent has ended. It is false where that is not known.
func (p *Parent) Gone() bool {
	if p == nil || p.handle == 0 {
		return false
	}
	event, err := windows.WaitForSingleObject(p.handle, 0)
	return err == nil && event == windows.WAIT_OBJECT_0
}

// wait waits for the parent's end. It fails where that cannot be waited for.
func (p *Parent) wait() error {
	if p.handle == 0 {
		return errors.ErrUnsupported
	}
	_, err := windows.WaitForSingleObject(p.handle, windows.INFINITE)
	return err
}
