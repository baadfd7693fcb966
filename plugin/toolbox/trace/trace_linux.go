//go:build amd64 || arm64 || riscv64

package trace

import (
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"

	"github.com/u-root/u-root/pkg/strace"

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/tool"
)

// Strace prints the system calls of a command or a process. It returns the command's status.
func Strace(args []string) int {
	c, status, ok := parse(args)
	if !ok {
		return status
	}
	c.out = os.Stderr
	if c.output != "" {
		file, err := os.Create(c.output)
		if err != nil {
			return tool.Complain("strace", err)
		}
		defer file.Close()
		c.out = file
	}
	strace.LogMaximumSize = uint(c.size)
	if len(c.pids) > 0 {
		if err := attach(c.pids, c.event(nil, nil)); err != nil {
			return tool.Complain("strace", err)
		}
		return 0
	}
	cmd := exec.Command(c.command[0], c.command[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	// ^C is for the command.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGINT, syscall.SIGQUIT)
	err := strace.Trace(cmd, c.event(cmd, &status))
	if err != nil && cmd.Process == nil {
		status, err = tool.Status(err)
		tool.Complain("strace", err)
		return status
	}
	if err != nil {
		return tool.Complain("strace", err)
	}
	return status
}

func known(name string) bool {
	_, err := strace.ByName(name)
	return err == nil
}

// event returns what prints an event. It keeps the status that the command ends with.
func (c *call) event(cmd *exec.Cmd, status *int) strace.EventCallback {
	all := strace.PrintTraces(c.out)
	return func(t strace.Task, record *strace.TraceRecord) error {
		if cmd != nil && cmd.Process != nil && record.PID == cmd.Process.Pid {
			switch record.Event {
			case strace.Exit:
				*status = record.Exit.WaitStatus.ExitStatus()
			case strace.SignalExit:
				*status = 128 + int(record.SignalExit.Signal)
			}
		}
		if record.Event != strace.SyscallEnter && record.Event != strace.SyscallExit {
			return all(t, record)
		}
		if c.calls != nil {
			name, err := strace.ByNumber(uintptr(record.Syscall.Sysno))
			if err != nil {
				name = ""
			}
			if !c.wanted(name) {
				return nil
			}
		}
		if c.failed && (record.Event == strace.SyscallEnter || record.Syscall.Errno == 0) {
			return nil
		}
		text := strace.SysCallExit
		if record.Event == strace.SyscallEnter {
			text = strace.SysCallEnter
		}
		_, err := fmt.Fprintln(c.out, c.stamp(record.Time)+tool.Printable(strings.TrimSuffix(text(t, record.Syscall), "\n")))
		return err
	}
}
