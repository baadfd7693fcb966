//go:build linux

package main

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// null returns a descriptor of the null device.
var null = sync.OnceValue(func() uintptr {
	fd, err := unix.Open(os.DevNull, unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		panic(err) // every machine has the device
	}
	return uintptr(fd)
})

func forkExec(program string, argv, env []string, files []uintptr) (int, error) {
	return syscall.ForkExec(program, argv, &syscall.ProcAttr{Env: env, Files: files})
}

// wait waits until a process ends. It returns an error unless the process exits with status 0.
func wait(pid int) error {
	var ws unix.WaitStatus
	for {
		_, err := unix.Wait4(pid, &ws, 0, nil)
		switch {
		case errors.Is(err, unix.EINTR):
		case err != nil:
			return err
		case ws.ExitStatus() != 0:
			return fmt.Errorf("ended with %#x", ws)
		default:
			return nil
		}
	}
}
