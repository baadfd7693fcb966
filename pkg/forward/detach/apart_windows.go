package detach

import (
	"os"
	"syscall"

	"golang.org/x/sys/windows"
)

// apart puts a process into a group of its own, without a console.
func apart() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{CreationFlags: windows.CREATE_NEW_PROCESS_GROUP | windows.DETACHED_PROCESS}
}

func outlive() {}

func closeInherited() {} // there is nothing to close

// end ends a process, which has no signal here.
func end(p *os.Process) { _ = p.Kill() }

// dropOutput closes the pipe to the first process.
func dropOutput() error { return os.Stdout.Close() }
