package launch

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"
	"syscall"

	"github.com/nsjoin/docker-nsjoin/pkg/payload"
)

// framesArg makes a helper read frames from its standard input.
const framesArg = "frames"

// Child is a helper that runs beside this process and exchanges frames with it.
type Child struct {
	cmd             *exec.Cmd
	in, out, errs   *os.File
	closed, outputs sync.Once
}

// Start starts a helper beside this process. It reads frames, so it ends its command when this process ends, whatever
// ends it. It is in a process group of its own: the keys of a terminal do not reach it.
func (p *Program) Start() (*Child, error) {
	if <-p.helper.ready; p.helper.err != nil {
		return nil, p.helper.err
	}
	c := &Child{cmd: exec.Command(fmt.Sprintf("/proc/%d/fd/%d", os.Getpid(), p.helper.file.Fd()), framesArg)}
	c.cmd.Args[0] = "docker-nsjoin"
	c.cmd.Env = payload.Env()
	c.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	var theirs [3]*os.File
	for i, ours := range []**os.File{&c.in, &c.out, &c.errs} {
		r, w, err := os.Pipe()
		if err != nil {
			closeAll(theirs[:])
			c.Close()
			c.closeOutputs()
			return nil, err
		}
		if i == 0 {
			theirs[i], *ours = r, w
		} else {
			theirs[i], *ours = w, r
		}
	}
	c.cmd.Stdin, c.cmd.Stdout, c.cmd.Stderr = theirs[0], theirs[1], theirs[2]
	err := c.cmd.Start()
	closeAll(theirs[:])
	if err != nil {
		c.Close()
		c.closeOutputs()
		return nil, fmt.Errorf("start helper: %w", err)
	}
	return c, nil
}

func closeAll(files []*os.File) {
	for _, f := range files {
		if f != nil {
			f.Close()
		}
	}
}

// Write writes to the helper's standard input; io.Writer.
func (c *Child) Write(b []byte) (int, error) { return c.in.Write(b) }

// Close closes the helper's standard input. To the helper that means that its caller has hung up.
func (c *Child) Close() {
	c.closed.Do(func() { closeAll([]*os.File{c.in}) })
}

func (c *Child) closeOutputs() {
	c.outputs.Do(func() { closeAll([]*os.File{c.out, c.errs}) })
}

// Output copies the output of the helper and its command until they end. It writes to one of the two at a time.
func (c *Child) Output(stdout, stderr io.Writer) error {
	defer c.closeOutputs()
	var one sync.Mutex
	failed := make(chan error, 1)
	go func() { failed <- copyOutput(&one, stderr, c.errs) }()
	err := copyOutput(&one, stdout, c.out)
	return errors.Join(err, <-failed)
}

// copySize is how many bytes are copied at a time.
const copySize = 32 << 10

func copyOutput(one *sync.Mutex, to io.Writer, from io.Reader) error {
	buf := make([]byte, copySize)
	for {
		n, err := from.Read(buf)
		if n > 0 {
			one.Lock()
			_, failed := to.Write(buf[:n])
			one.Unlock()
			if failed != nil {
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

// Wait waits until the helper has ended and returns its exit status.
func (c *Child) Wait() (int, error) {
	err := c.cmd.Wait()
	if _, exited := errors.AsType[*exec.ExitError](err); err != nil && !exited {
		return 0, fmt.Errorf("wait for the helper: %w", err)
	}
	status := c.cmd.ProcessState.ExitCode()
	if status < 0 {
		return 0, fmt.Errorf("the helper was killed: %s", c.cmd.ProcessState)
	}
	return status, nil
}

// MayLeave reports that this process should wait for the helper's end.
func (c *Child) MayLeave() bool { return false }
