package launch

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/pkg/exit"
	"github.com/nsjoin/docker-nsjoin/pkg/kernel"
	"github.com/nsjoin/docker-nsjoin/pkg/payload"
	"github.com/nsjoin/docker-nsjoin/pkg/request"
)

// Server is a helper that serves this process over a socket, and ends when the socket is closed.
type Server struct {
	// Socket is of type SOCK_SEQPACKET and non-blocking.
	Socket *os.File

	cmd    *exec.Cmd
	errors relay
}

// Serve starts the helper for r, which must be served. The caller closes the socket, then calls Wait. The helper is in a
// process group of its own: the keys of the caller's terminal reach the caller only.
func Serve(ctx context.Context, r *request.Request) (*Server, error) {
	program, err := newProgram()
	if err != nil {
		return nil, err
	}
	defer program.Close()
	document, err := writeRequest(r)
	if err != nil {
		return nil, err
	}
	defer document.Close()
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, kernel.Explain(fmt.Errorf("start helper: socketpair: %w", err))
	}
	theirs := os.NewFile(uintptr(pair[1]), "socket")
	defer theirs.Close()
	if err := unix.SetNonblock(pair[0], true); err != nil {
		return nil, kernel.Explain(fmt.Errorf("start helper: %w", err))
	}
	s := &Server{Socket: os.NewFile(uintptr(pair[0]), "socket"), errors: newRelay(exit.Name(r.Program))}
	// Through this process's pid: the child has another file at that descriptor.
	s.cmd = exec.Command(fmt.Sprintf("/proc/%d/fd/%d", os.Getpid(), program.Fd()), "3", "4") //nolint:noctx // it ends with the socket
	s.cmd.Env = payload.Env()
	s.cmd.ExtraFiles = []*os.File{document, theirs}
	s.cmd.Stderr = &s.errors
	s.cmd.WaitDelay = 5 * time.Second // if something keeps its standard error open
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := ctx.Err(); err != nil {
		s.Socket.Close()
		return nil, err
	}
	if err := s.cmd.Start(); err != nil {
		s.Socket.Close()
		return nil, kernel.Explain(fmt.Errorf("start helper: %w", err))
	}
	return s, nil
}

// Relay passes the helper's messages on, from now on. Before, they are kept for Wait.
func (s *Server) Relay(to io.Writer) { s.errors.start(to) }

// lateEnd is how long Wait waits for a helper that has reported nothing.
const lateEnd = 10 * time.Second

// Wait waits for the helper's end and returns the error that it reported, if its messages are not passed on. The socket is
// closed, or the helper has closed its own. A helper that the kernel does not let end is left.
func (s *Server) Wait() error {
	ended := make(chan error, 1)
	go func() { ended <- s.cmd.Wait() }()
	ctx, cancel := context.WithTimeout(context.Background(), lateEnd)
	defer cancel()
	left, err := awaitHelper(ctx, ended, s.errors.failed)
	text := s.errors.kept()
	switch {
	case left && text != "":
		return s.errors.name.ParseReport(text, exit.Failed)
	case left:
		return errors.New("the helper does not end")
	case err == nil:
		return nil
	case text != "" && s.cmd.ProcessState != nil:
		return s.errors.name.ParseReport(text, s.cmd.ProcessState.ExitCode())
	}
	return fmt.Errorf("run helper: %w", err)
}

// relay keeps text, up to a limit, until it knows where to. failed is closed when an error is among what is kept.
type relay struct {
	name   exit.Name
	failed chan struct{}

	mu       sync.Mutex
	text     bytes.Buffer
	to       io.Writer
	hasError bool
}

func newRelay(name exit.Name) relay { return relay{name: name, failed: make(chan struct{})} }

func (r *relay) Write(text []byte) (int, error) {
	const most = 64 << 10
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.to != nil {
		return r.to.Write(text)
	}
	if r.text.Len() < most {
		r.text.Write(text)
	}
	if !r.hasError && r.name.HasFailed(r.text.String()) {
		r.hasError = true
		close(r.failed)
	}
	return len(text), nil
}

func (r *relay) start(to io.Writer) {
	r.mu.Lock()
	defer r.mu.Unlock()
	_, _ = r.text.WriteTo(to)
	r.to = to
}

func (r *relay) kept() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.text.String()
}
