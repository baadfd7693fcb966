package shell

import (
	"context"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"slices"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
	"golang.org/x/term"

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/shell/hook"
	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/tool"
)

// process is a program that the shell has started.
type process struct {
	cmd   *exec.Cmd
	job   *job
	ended bool
	err   error // of Wait
	early bool  // it may have used the terminal before it had it
}

// start starts a program as a part of a job, unless a signal has ended the job.
func (t *jobTable) start(j *job, cmd *exec.Cmd) (*process, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if j.ending != 0 {
		return nil, context.Canceled
	}
	if t.control {
		cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pgid: j.group}
	}
	started := t.continueUnstarted()
	err := cmd.Start()
	continued := started()
	if err != nil {
		return nil, err
	}
	p := &process{cmd: cmd, job: j}
	pid := cmd.Process.Pid
	t.pids[pid] = true
	if continued && (j.group != 0 || t.stops) { // the key was for its job; what was for the shell's group is passed on by forward
		_ = unix.Kill(pid, unix.SIGTSTP)
	}
	j.alive = append(j.alive, pid)
	j.unfinished++
	j.last = pid
	if j.first == 0 {
		j.first = pid
	}
	if t.control {
		if j.group == 0 { // a later program is in the group that has the terminal, and may have been stopped
			j.group = pid
			if !j.background {
				p.early = giveTerminal(j.group) == nil
			}
		}
	}
	t.changed.Broadcast()
	go t.follow(p)
	return p, nil
}

// continueUnstarted continues a process that a key has stopped between its fork and its exec, until started is called, which
// reports whether there was one: os/exec waits for the exec without a limit, vfork(2). It is called with the table locked.
func (t *jobTable) continueUnstarted() (started func() bool) {
	if !t.control && !t.stops {
		return func() bool { return false }
	}
	const moment = 10 * time.Millisecond
	end, found := make(chan struct{}), make(chan bool, 1)
	go func() {
		continued := false
		defer func() { found <- continued }()
		for {
			select {
			case <-end:
				return
			case <-time.After(moment):
			}
			if pid, signal := hook.StoppedChild(); pid != 0 && signal == unix.SIGTSTP && !t.pids[pid] {
				_ = unix.Kill(pid, unix.SIGCONT)
				continued = true
			}
		}
	}()
	return func() bool {
		close(end)
		return <-found
	}
}

// follow waits until a process has ended, and notes when it stops.
func (t *jobTable) follow(p *process) {
	const stopped = 5 // CLD_STOPPED
	pid := p.cmd.Process.Pid
	for {
		var info unix.Siginfo
		err := unix.Waitid(unix.P_PID, pid, &info, unix.WEXITED|unix.WSTOPPED|unix.WNOWAIT, nil)
		if err == unix.EINTR {
			continue
		}
		if err != nil || info.Code != stopped {
			break
		}
		_ = unix.Waitid(unix.P_PID, pid, &info, unix.WSTOPPED|unix.WNOHANG, nil)
		signal := hook.StopSignal(&info)
		if p.early && (signal == unix.SIGTTIN || signal == unix.SIGTTOU) {
			p.early = false
			_ = unix.Kill(pid, unix.SIGCONT)
			continue
		}
		t.stopped(p.job, pid, signal)
	}
	t.leave(p.job, pid)
	err := p.cmd.Wait()
	t.mu.Lock()
	defer t.mu.Unlock()
	p.ended, p.err = true, err
	j := p.job
	if state := p.cmd.ProcessState; state != nil && pid == j.last {
		j.status, _ = state.Sys().(syscall.WaitStatus)
	}
	j.unfinished--
	j.done = j.done || j.over && j.unfinished == 0 && !j.shell
	t.changed.Broadcast()
}

// leave takes a process that has ended out of its job, before it is waited for: until then its number, and that of a group
// that it is the last one of, belong to no other process.
func (t *jobTable) leave(j *job, pid int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.pids, pid)
	is := func(one int) bool { return one == pid }
	j.alive, j.halted = slices.DeleteFunc(j.alive, is), slices.DeleteFunc(j.halted, is)
	t.changed.Broadcast()
	if len(j.alive) > 0 {
		return
	}
	j.group, j.stopped = 0, false
	if t.control && j == t.front {
		_ = giveTerminal(t.own)
	}
}

// wait waits until a process has ended, or its job has stopped.
func (t *jobTable) wait(p *process) (stopped bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for !p.ended && t.ending == 0 && (!p.job.stopped || p.job.shell) {
		t.changed.Wait()
	}
	return !p.ended && t.ending == 0
}

// passStops has ^Z stop the shell of a script only while none of its programs is between its fork and its exec: until that one has
// executed its program, the shell could not stop.
func (t *jobTable) passStops() {
	terminal := term.IsTerminal(0) || term.IsTerminal(1) || term.IsTerminal(2)
	if !terminal || signal.Ignored(unix.SIGTSTP) {
		return
	}
	t.stops = true
	stops := make(chan os.Signal, 1)
	signal.Notify(stops, unix.SIGTSTP)
	go func() {
		for range stops {
			t.mu.Lock()
			tool.Stop()
			t.mu.Unlock()
		}
	}()
}

// toSelf sends a signal to this thread, so that what it does is done when toSelf returns: another thread would take one for the
// process a moment later.
func toSelf(signal syscall.Signal) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	_ = unix.Tgkill(os.Getpid(), unix.Gettid(), signal)
}

// endBy ends a script by a signal, after its trap of EXIT.
func (t *jobTable) endBy(signal syscall.Signal) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.ending = signal
	t.cancel()
	t.changed.Broadcast()
}

// die ends the shell by the signal that has ended its script, if one has.
func (t *jobTable) die() {
	t.mu.Lock()
	ending := t.ending
	t.mu.Unlock()
	if ending != 0 {
		tool.FlushOutput()
		signal.Reset(ending)
		toSelf(ending)
	}
}
