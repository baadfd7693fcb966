package shell

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/shell/hook"
	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/tool"
)

// killSignal returns the signal that arguments of kill name, and the rest of them.
func killSignal(args []string) (signal syscall.Signal, rest []string, err error) {
	signal = unix.SIGTERM
	if option, ok := strings.CutPrefix(args[0], "-"); ok && option != "-" {
		args = args[1:]
		if (option == "s" || option == "n") && len(args) > 0 {
			option, args = args[0], args[1:]
		}
		if signal, err = tool.Signal(option); err != nil {
			return 0, nil, err
		}
	}
	if len(args) > 0 && args[0] == "--" {
		args = args[1:]
	}
	return signal, args, nil
}

// kill sends a signal to jobs and processes.
func (t *jobTable) kill(args []string) error {
	signal, args, err := killSignal(args)
	if err != nil {
		return err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, arg := range args {
		if arg == strconv.Itoa(os.Getpid()) {
			t.killSelf(signal)
			continue
		}
		j, err := t.find([]string{arg})
		if pid, failed := strconv.Atoi(arg); err != nil && failed == nil {
			if err = unix.Kill(pid, signal); err == nil {
				continue
			}
		}
		if err != nil {
			return err
		}
		if err := t.send(j, signal); err != nil {
			return fmt.Errorf("%s: %w", tool.Printable(arg), err)
		}
	}
	return nil
}

// killSelf sends a signal to the shell, with the table locked. If it has a trap, that is run next.
func (t *jobTable) killSelf(signal syscall.Signal) {
	trapped := hook.Traps.Has(signal)
	toSelf(signal)
	if trapped { // another goroutine notes it
		const moment = time.Second
		t.awaitUntil(moment, func() bool { return t.ending != 0 || hook.Traps.Waits() })
	}
}

// send sends a signal to the processes of a job. One that ends it reaches a job that is stopped, too.
func (t *jobTable) send(j *job, signal syscall.Signal) error {
	if len(j.alive) == 0 && (!j.shell || j.done) {
		return unix.ESRCH
	}
	if j.shell && ends(signal) {
		j.end(signal)
	}
	for _, child := range j.children {
		if !child.done {
			_ = t.send(child, signal)
		}
	}
	for _, pid := range j.alive {
		if err := unix.Kill(pid, signal); err != nil {
			return err
		}
	}
	if j.stopped && (signal == unix.SIGTERM || signal == unix.SIGHUP || signal == unix.SIGCONT) {
		t.proceed(j)
	}
	return nil
}

// hangUp tells all jobs that the terminal is gone.
func (t *jobTable) hangUp() {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, j := range append(slices.Clone(t.list), t.front) {
		t.hangUpOne(j)
	}
}

func (t *jobTable) hangUpOne(j *job) {
	if j.shell {
		j.end(unix.SIGHUP)
	}
	if j.group != 0 {
		_ = unix.Kill(-j.group, unix.SIGHUP)
		_ = unix.Kill(-j.group, unix.SIGCONT)
	}
	for _, child := range j.children {
		if !child.done {
			t.hangUpOne(child)
		}
	}
}
