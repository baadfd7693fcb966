//go:build unix

package detach

import (
	"os"
	"os/signal"
	"syscall"
)

// apart puts a process into a session of its own, without a terminal.
func apart() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setsid: true} }

// ignoreHangup lets the process outlive a login.
func ignoreHangup() { signal.Ignore(syscall.SIGHUP) }

// dropOutput replaces standard input and output by the null device.
func dropOutput() error {
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer null.Close()
	for fd := range 2 {
		if err := replace(int(null.Fd()), fd); err != nil {
			return os.NewSyscallError("dup", err)
		}
	}
	return nil
}
