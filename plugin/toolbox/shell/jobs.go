package shell

import (
	"fmt"
	"os"
	"runtime"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/peterh/liner"
	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/tool"
)

// jobTable has the processes that the shell has started. With control, each job is a process group of its own, and the one
// in the foreground has the terminal.
type jobTable struct {
	control  bool
	terminal bool // standard input is one, and the shell is interactive
	own      int  // the shell's process group

	mu      sync.Mutex
	changed *sync.Cond      // a process has started, stopped or ended
	list    []*job          // those with a number, the current one last
	front   *job            // of the statement that runs
	names   map[string]*job // those that $! has named, until they are done
	made    int             // the parts that were made
	pids    map[int]bool    // of the programs that have started and not ended
	stops   bool            // ^Z may stop the shell of a script and its programs
	cancel  func()          // ends a script
	ending  syscall.Signal  // that ends the shell after its trap of EXIT, or 0
}

// job is the processes of a statement.
type job struct {
	number     int // 0: it was never stopped, and is in the foreground
	command    string
	alias      string // of a part of the shell: its name if it has no process
	name       string // of a part of the shell: what $! is, once that is known
	children   []*job // those that it has started in the background
	parent     *job   // the one that has started it there
	background bool
	shell      bool // a part of the shell runs it: it is done when that is done
	over       bool // its statement has ended: it starts nothing more
	done       bool
	stopped    bool
	signal     syscall.Signal     // that has stopped it
	told       bool               // the user knows that it is stopped
	group      int                // its process group, if it has processes
	alive      []int              // its processes
	halted     []int              // those that a signal has stopped
	unfinished int                // the number of its processes whose status is not known yet
	first      int                // the process that was started first
	last       int                // the process that was started last
	status     syscall.WaitStatus // of that one
	code       int                // of a part of the shell
	mode       liner.ModeApplier  // of the terminal when it was stopped

	stop      func() // ends the rest of the statement
	interrupt func() // ends the rest of the line

	cancel func()         // ends a part of the shell
	ending syscall.Signal // it is ended by this signal, or 0
}

func newJobTable() *jobTable {
	t := &jobTable{front: idle(), names: make(map[string]*job), pids: make(map[int]bool)}
	t.changed = sync.NewCond(&t.mu)
	return t
}

// idle returns the job of programs that start while no statement runs. They do not get the terminal.
func idle() *job { return &job{background: true, over: true} }

// takeTerminal turns job control on, if the shell is in the terminal's foreground. release gives the terminal back.
func (t *jobTable) takeTerminal() (release func()) {
	release = func() {}
	before := unix.Getpgrp()
	if front, err := unix.IoctlGetUint32(0, unix.TIOCGPGRP); err != nil || int(front) != before {
		return release
	}
	if before != os.Getpid() {
		if err := unix.Setpgid(0, 0); err != nil {
			return release
		}
		release = func() { _ = giveTerminal(before) }
	}
	t.own = os.Getpid()
	t.control = giveTerminal(t.own) == nil
	if t.control {
		stopInBackground()
	}
	runtime.GOMAXPROCS(max(2, runtime.GOMAXPROCS(0))) // a start that waits must not hold up what continues it
	return release
}

// stopInBackground lets the terminal stop the shell's programs in the background again, also if the shell was started with these
// signals ignored, as in tmux: a program that reads before it has been given the terminal would get an error instead.
func stopInBackground() {
	for _, signal := range []syscall.Signal{unix.SIGTTIN, unix.SIGTTOU} {
		tool.DefaultAction(signal)
	}
}

// giveTerminal makes a process group the terminal's foreground. The shell may be in the background itself: without blocking
// SIGTTOU, the call would stop it.
func giveTerminal(group int) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var set, old unix.Sigset_t
	set.Val[0] = 1 << (unix.SIGTTOU - 1)
	if err := unix.PthreadSigmask(unix.SIG_BLOCK, &set, &old); err != nil {
		return err
	}
	defer func() { _ = unix.PthreadSigmask(unix.SIG_SETMASK, &old, nil) }()
	return unix.IoctlSetPointerInt(0, unix.TIOCSPGRP, group)
}

// forward passes on to the job in the foreground what a key has sent to the shell: the job has just started then, and did not
// have the terminal yet.
func (t *jobTable) forward(signals <-chan os.Signal) {
	for s := range signals {
		t.mu.Lock()
		if j := t.front; j.group != 0 && !j.background {
			_ = unix.Kill(-j.group, s.(syscall.Signal))
		}
		t.mu.Unlock()
	}
}

// toForeground gives the job the terminal, and continues it.
func (t *jobTable) toForeground(j *job) {
	if j.group != 0 && giveTerminal(j.group) == nil {
		_ = unix.Kill(-j.group, unix.SIGCONT)
	}
}

// stoppedStatus is the status of a command that a signal has stopped.
func (j *job) stoppedStatus() int { return 128 + int(j.signal) }

// stopped notes that a signal has stopped a process of a job. The shell goes on when it has stopped the others, too: until then
// they may read what is typed next. One that does not stop is not waited for longer than a moment.
func (t *jobTable) stopped(j *job, pid int, signal syscall.Signal) {
	const moment = 2 * time.Second
	t.mu.Lock()
	defer t.mu.Unlock()
	j.halted = append(j.halted, pid)
	t.changed.Broadcast()
	group := slices.Clone(j.alive) // what starts later has not been sent the signal
	t.awaitUntil(moment, func() bool {
		return j.stopped || !slices.ContainsFunc(group, func(other int) bool {
			return slices.Contains(j.alive, other) && !slices.Contains(j.halted, other)
		})
	})
	if slices.Contains(j.halted, pid) { // else it has been continued, or has ended
		t.noteStopped(j, signal)
	}
}

// noteStopped is stopped, with the table locked.
func (t *jobTable) noteStopped(j *job, signal syscall.Signal) {
	if !t.control || j.stopped {
		return
	}
	j.stopped, j.told, j.signal = true, false, signal
	t.number(j)
	if j == t.front {
		j.mode, _ = liner.TerminalMode()
		_ = giveTerminal(t.own)
		fmt.Fprintln(os.Stderr)
		fmt.Fprintln(os.Stderr, t.line(j))
		j.told = true
		if j.stop != nil {
			j.stop()
		}
	}
	j.background = true
	t.changed.Broadcast()
}

// number gives a job a number, and makes it the current one.
func (t *jobTable) number(j *job) {
	if j.number == 0 {
		for _, other := range t.list {
			j.number = max(j.number, other.number)
		}
		j.number++
	}
	t.list = append(slices.DeleteFunc(t.list, func(other *job) bool { return other == j }), j)
}

// begin makes a statement's job the one in the foreground.
func (t *jobTable) begin(command string, stop, interrupt func()) *job {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.front = &job{command: command, stop: stop, interrupt: interrupt}
	return t.front
}

// end notes the end of a statement. Processes of it that still run do so in the background.
func (t *jobTable) end(j *job) (stopped bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.front = idle()
	j.over = true
	j.done = j.unfinished == 0
	if t.control {
		_ = giveTerminal(t.own)
	}
	if len(j.alive) > 0 && !j.stopped {
		j.background = true
		t.number(j)
	}
	return j.stopped
}

// line describes a job as bash does.
func (t *jobTable) line(j *job) string {
	mark := ' '
	switch n := len(t.list); {
	case n > 0 && t.list[n-1] == j:
		mark = '+'
	case n > 1 && t.list[n-2] == j:
		mark = '-'
	}
	state, end := "Running", ""
	switch {
	case j.done && j.shell && j.ending != 0 && j.code == 128+int(j.ending):
		text := j.ending.String()
		state = string(text[0]&^0x20) + text[1:]
	case j.done && j.status.Signaled() && j.exit() > 128:
		text := j.status.Signal().String()
		state = string(text[0]&^0x20) + text[1:]
	case j.done && j.exit() > 0:
		state = fmt.Sprintf("Exit %d", j.exit())
	case j.done:
		state = "Done"
	case j.stopped:
		state = "Stopped"
	default:
		end = " &"
	}
	return fmt.Sprintf("[%d]%c  %-24s%s%s", j.number, mark, state, tool.Printable(j.command), end)
}

// report prints the jobs that have ended or were stopped in the background. It forgets those that have ended.
func (t *jobTable) report() {
	t.mu.Lock()
	defer t.mu.Unlock()
	var rest []*job
	for _, j := range t.list {
		if j.done || j.stopped && !j.told {
			fmt.Fprintln(os.Stderr, t.line(j))
			j.told = true
		}
		if !j.done {
			rest = append(rest, j)
		}
	}
	t.list = rest
}

// anyStopped reports whether a job is stopped.
func (t *jobTable) anyStopped() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.ContainsFunc(t.list, func(j *job) bool { return j.stopped })
}
