package run

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/tool"
)

// niceness returns the niceness of a process, or of the tool itself for 0.
func niceness(pid int) (int, error) {
	n, err := unix.Getpriority(unix.PRIO_PROCESS, pid)
	return 20 - n, err // as the kernel's own call has it
}

// Nice runs a command with another niceness, or prints the tool's own.
func Nice(args []string) int {
	if len(args) > 0 { // nice -5 and nice --5
		if digits := strings.TrimPrefix(strings.TrimPrefix(args[0], "-"), "-"); len(digits) < len(args[0]) && digits != "" && strings.Trim(digits, "0123456789") == "" {
			args = append([]string{"-n", args[0][1:]}, args[1:]...)
		}
	}
	f := tool.Flags("nice", "[-n N] [COMMAND [ARG...]]")
	f.SetInterspersed(false)
	by := f.IntP("adjustment", "n", 10, "how much nicer")
	if status, ok := tool.Parse(f, args); !ok {
		return status
	}
	runtime.LockOSThread() // niceness is a thread's, and the command takes the place of this one
	now, err := niceness(0)
	if err != nil {
		tool.Complain("nice", err)
		return 125
	}
	if f.NArg() == 0 {
		if f.Changed("adjustment") {
			return tool.Misused(f)
		}
		tool.Println(now)
		return 0
	}
	if err := unix.Setpriority(unix.PRIO_PROCESS, 0, now+*by); err != nil {
		tool.Complain("nice", fmt.Errorf("cannot set niceness: %w", err))
	}
	return replaceBy("nice", f.Args())
}

// Renice changes the niceness of processes, and of all their threads.
func Renice(args []string) int {
	if len(args) > 0 && args[0] != "-n" { // renice 5 PID, renice -5 PID
		if _, err := strconv.Atoi(args[0]); err == nil {
			args = append([]string{"-n"}, args...)
		}
	}
	f := tool.Flags("renice", "[-n] N [-p] PID...")
	to := f.IntP("priority", "n", 0, "the niceness")
	f.BoolP("pid", "p", false, "the arguments are processes (the default)")
	if status, ok := tool.Parse(f, args); !ok {
		return status
	}
	if f.NArg() == 0 || !f.Changed("priority") {
		return tool.Misused(f)
	}
	return tool.Each("renice", f.Args(), func(word string) error {
		pid, err := strconv.Atoi(word)
		if err != nil || pid <= 0 {
			return fmt.Errorf("bad value of process ID: %q", word)
		}
		old, err := niceness(pid)
		if err == nil {
			err = unix.Setpriority(unix.PRIO_PROCESS, pid, *to)
		}
		if err != nil {
			return fmt.Errorf("failed to set priority for %d (process ID): %w", pid, err)
		}
		now, err := niceness(pid)
		if err == nil {
			tool.Printf("%d (process ID) old priority %d, new priority %d\n", pid, old, now)
		}
		return err
	})
}

// Setsid runs a command in a session of its own.
func Setsid(args []string) int {
	f := tool.Flags("setsid", "[-cfw] COMMAND [ARG...]")
	f.SetInterspersed(false)
	terminal := f.BoolP("ctty", "c", false, "the terminal becomes the session's")
	fork := f.BoolP("fork", "f", false, "always as another process")
	wait := f.BoolP("wait", "w", false, "wait for it, and end with its status")
	if status, ok := tool.Parse(f, args); !ok {
		return status
	}
	if f.NArg() == 0 {
		return tool.Misused(f)
	}
	if _, err := unix.Setsid(); err == nil && !*fork { // it leads no group
		if *terminal {
			_ = unix.IoctlSetInt(0, unix.TIOCSCTTY, 1)
		}
		return replaceBy("setsid", f.Args())
	}
	cmd := exec.Command(f.Arg(0), f.Args()[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.SysProcAttr = &unix.SysProcAttr{Setsid: true, Setctty: *terminal}
	if err := cmd.Start(); err != nil {
		status, err := tool.Status(err)
		tool.Complain("setsid", err)
		return status
	}
	if !*wait {
		return 0
	}
	status, err := tool.Status(cmd.Wait())
	if err != nil && !errors.Is(err, exec.ErrNotFound) {
		tool.Complain("setsid", err)
	}
	return status
}
