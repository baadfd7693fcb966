package launch

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/pkg/kernel"
	"github.com/nsjoin/docker-nsjoin/pkg/payload"
	"github.com/nsjoin/docker-nsjoin/pkg/procfs"
	"github.com/nsjoin/docker-nsjoin/pkg/request"
)

// Beside is a helper that runs beside this process: it exchanges frames with it, for one command, or it is a multiplexer.
type Beside struct {
	cmd       *exec.Cmd
	in        io.WriteCloser
	out, errs io.ReadCloser
	once      sync.Once     // waits for its end
	ended     chan struct{} // closed when it has ended
	err       error         // of waiting for that
}

// StartMultiplexer starts a helper beside this process that starts helpers for it; see package multiplexer. See Start. It is
// called by one caller at a time, who may try again after an error.
func (p *Program) StartMultiplexer() (*Beside, error) {
	if <-p.helper.ready; p.helper.err != nil {
		p.helper = prepare(newProgram)
	}
	return p.start(request.ManyArg)
}

// Start starts a helper beside this process for one command. It ends the command when this process ends, whatever ends it.
// It is in a process group of its own: the keys of a terminal do not reach it. The caller calls Output. The helper's
// descriptor ToolboxDescriptor is the toolbox's program, if p has that.
func (p *Program) Start() (*Beside, error) {
	if p.toolbox == nil {
		return p.start(framesArg)
	}
	if <-p.toolbox.ready; p.toolbox.err != nil {
		return nil, p.toolbox.err
	}
	return p.start(framesArg, p.toolbox.file)
}

// framesArg makes a helper read frames from its standard input.
const framesArg = "frames"

func (p *Program) start(arg string, more ...*os.File) (*Beside, error) {
	if <-p.helper.ready; p.helper.err != nil {
		return nil, p.helper.err
	}
	m := &Beside{ended: make(chan struct{})}
	// Through this process's pid: the child has another file at that descriptor.
	m.cmd = exec.Command(fmt.Sprintf("/proc/%d/fd/%d", os.Getpid(), p.helper.file.Fd()), arg) //nolint:noctx // it ends with its input
	m.cmd.Args[0] = "docker-nsjoin"
	if arg == framesArg { // a multiplexer's helpers may run commands of the host's file system, in the caller's directory
		m.cmd.Dir = "/" // a helper that cannot end keeps no other directory in use
	}
	m.cmd.Env, m.cmd.ExtraFiles = payload.Env(), more
	m.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	err := m.openStreams()
	if err == nil {
		err = m.cmd.Start()
	}
	if err != nil {
		return nil, kernel.Explain(fmt.Errorf("start helper: %w", err))
	}
	return m, nil
}

// openStreams makes its standard streams.
func (m *Beside) openStreams() (err error) {
	if m.in, err = m.cmd.StdinPipe(); err != nil {
		return err
	}
	if m.out, err = m.cmd.StdoutPipe(); err != nil {
		return err
	}
	m.errs, err = m.cmd.StderrPipe()
	return err
}

// Write writes to its standard input; io.Writer.
func (m *Beside) Write(b []byte) (int, error) { return m.in.Write(b) }

// CloseWrite ends its standard input: it ends all commands. Its output can still be read.
func (m *Beside) CloseWrite() error { return m.in.Close() }

// Close hangs up: it ends all commands, and nothing of it is read.
func (m *Beside) Close() {
	for _, end := range []io.Closer{m.in, m.out, m.errs} {
		end.Close()
	}
	m.await()
}

// await waits, beside the caller, until it has ended. Its output has been read, or will not be.
func (m *Beside) await() {
	m.once.Do(func() {
		go func() {
			defer close(m.ended)
			m.err = m.cmd.Wait()
		}()
	})
}

// Output copies its output until it ends. It writes to one of the two at a time.
func (m *Beside) Output(stdout, stderr io.Writer) error {
	var one sync.Mutex
	return m.output(locked{&one, stdout}, locked{&one, stderr})
}

// OutputApart is Output, but one of the two may be written while the other one takes nothing.
func (m *Beside) OutputApart(stdout, stderr io.Writer) error { return m.output(stdout, stderr) }

func (m *Beside) output(stdout, stderr io.Writer) error {
	failed := make(chan error, 1)
	go func() { failed <- copyOutput(stderr, m.errs) }()
	err := errors.Join(copyOutput(stdout, m.out), <-failed)
	m.await()
	return err
}

// locked is a writer that holds a lock while it writes.
type locked struct {
	sync.Locker

	to io.Writer
}

func (l locked) Write(b []byte) (int, error) {
	l.Lock()
	defer l.Unlock()
	return l.to.Write(b)
}

func copyOutput(to io.Writer, from io.Reader) error {
	const size = 64 << 10
	buf := make([]byte, size)
	for {
		n, err := from.Read(buf)
		if n > 0 {
			if _, failed := to.Write(buf[:n]); failed != nil {
				return failed
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// Wait waits until it has ended, after Output or Close, and returns its exit status.
func (m *Beside) Wait() (int, error) {
	<-m.ended
	if _, exited := errors.AsType[*exec.ExitError](m.err); m.err != nil && !exited {
		return 0, fmt.Errorf("wait for the helper: %w", m.err)
	}
	status := m.cmd.ProcessState.ExitCode()
	if status < 0 {
		return 0, fmt.Errorf("the helper was killed: %s", m.cmd.ProcessState)
	}
	return status, nil
}

// CommandHasEnded reports whether it has ended, or all of its children have: it may wait until its output is read.
func (m *Beside) CommandHasEnded() bool {
	var info unix.Siginfo
	err := unix.Waitid(unix.P_PID, m.cmd.Process.Pid, &info, unix.WEXITED|unix.WNOHANG|unix.WNOWAIT, nil)
	if errors.Is(err, unix.ECHILD) || err == nil && info.Signo != 0 {
		return true
	}
	threads := fmt.Sprintf("/proc/%d/task", m.cmd.Process.Pid)
	ended := true
	err = procfs.EachNumber(threads, func(thread int) bool {
		text, err := os.ReadFile(fmt.Sprintf("%s/%d/children", threads, thread))
		for child := range strings.FieldsSeq(string(text)) {
			pid, err := strconv.Atoi(child)
			ended = ended && err == nil && hasEnded(pid)
		}
		ended = ended && (err == nil || errors.Is(err, unix.ESRCH)) // a thread may end
		return ended
	})
	return err == nil && ended
}

func hasEnded(pid int) bool {
	st, err := procfs.ReadStat(pid)
	return err != nil || st.Dead()
}

// MayLeave reports that this process should wait for its end.
func (m *Beside) MayLeave() bool { return false }
