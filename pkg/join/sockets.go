//go:build linux

package join

import (
	"errors"
	"fmt"
	"runtime"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/pkg/exit"
	"github.com/nsjoin/docker-nsjoin/pkg/kernel"
	"github.com/nsjoin/docker-nsjoin/pkg/ns"
	"github.com/nsjoin/docker-nsjoin/pkg/plan"
)

// Sockets is a thread of this process in another network namespace, which makes sockets there. A socket belongs to the
// namespace that it was made in, whoever uses it later. The thread ends with this process, however that ends.
type Sockets struct {
	asked chan wanted
	stop  chan struct{} // closed by Close
	ended chan struct{}
}

// wanted are sockets that are asked for.
type wanted struct {
	family, typ, protocol int
	fds                   []int // has room for as many
	made                  chan<- made
}

type made struct {
	fds []int
	err error
}

// StartSockets carries a plan out that ends with OpSockets: it starts the thread, which joins the plan's namespaces. It is
// not the main thread, so that the process's own directory in /proc shows the process's namespaces.
func StartSockets(p *plan.Plan, held Held) (*Sockets, error) {
	s := &Sockets{asked: make(chan wanted), stop: make(chan struct{}), ended: make(chan struct{})}
	ready := make(chan error)
	go s.run(p, held, ready)
	return s, <-ready
}

// Make makes n sockets, close-on-exec and non-blocking. If not all can be made, it returns those that could; without any, the
// error. After Close it fails. The thread is woken once for all of them.
func (s *Sockets) Make(family, typ, protocol, n int) ([]int, error) {
	answer := make(chan made, 1)
	select {
	case s.asked <- wanted{family, typ, protocol, make([]int, 0, n), answer}:
		got := <-answer
		return got.fds, got.err
	case <-s.ended:
		return nil, unix.ESHUTDOWN
	}
}

// Close ends the thread. Call it once. Calls of Make fail from then on.
func (s *Sockets) Close() {
	close(s.stop)
	<-s.ended
}

// onThread refuses to compile a step of a thread.
func (c *compiler) onThread(plan.Step) error { return errors.New("not a step of a process") }

// run is the thread.
func (s *Sockets) run(p *plan.Plan, held Held, ready chan<- error) {
	runtime.LockOSThread() // for good: the thread ends with this function
	if unix.Gettid() == unix.Getpid() {
		go s.run(p, held, ready)
		<-s.ended
		runtime.UnlockOSThread() // nothing was joined
		return
	}
	defer close(s.ended)
	err := joinOnThread(p, held)
	ready <- err
	if err != nil {
		return
	}
	for {
		select {
		case w := <-s.asked:
			fds, err := w.make()
			if err != nil {
				err = fmt.Errorf("make a socket in the network of %q: %w", p.Target, err)
			}
			w.made <- made{fds, err}
		case <-s.stop:
			return
		}
	}
}

func (w *wanted) make() ([]int, error) {
	for len(w.fds) < cap(w.fds) {
		fd, err := unix.Socket(w.family, w.typ|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, w.protocol)
		if err != nil && len(w.fds) == 0 {
			return nil, err
		}
		if err != nil {
			break
		}
		w.fds = append(w.fds, fd)
	}
	return w.fds, nil
}

// joinOnThread joins the plan's namespaces on this thread, which must be locked, and verifies them.
func joinOnThread(p *plan.Plan, held Held) error {
	for i, s := range p.Steps {
		var err error
		switch s.Op {
		case plan.OpSockets:
			continue
		case plan.OpJoin:
			err = setns(s, held)
		default:
			err = errors.New("not a step of a thread")
		}
		if err == nil {
			continue
		}
		err = fmt.Errorf("%s: %w", p.Describe(i), err)
		if errors.Is(err, unix.EPERM) {
			return exit.Hint(kernel.Explain(err), noRightsHint)
		}
		return err
	}
	var st unix.Stat_t
	if err := unix.Stat("/proc/thread-self/ns/net", &st); err != nil {
		return fmt.Errorf("verify net namespace: %w", err)
	}
	for _, n := range p.Namespaces {
		if want := n.ID; n.Kind == ns.Net && want != (ns.ID{Dev: st.Dev, Ino: st.Ino}) {
			return fmt.Errorf("verify net namespace of %q: it is net:[%d], not %s", n.Source, st.Ino, want.Link(ns.Net))
		}
	}
	return nil
}

// setns joins the namespaces of a step, all by a pidfd or, on Linux before 5.8, one after another.
func setns(s plan.Step, held Held) error {
	source, ok := held.Sources[s.PID]
	if !ok {
		return fmt.Errorf("process %d is not held", s.PID)
	}
	if source.Pidfd != nil {
		if err := unix.Setns(int(source.Pidfd.Fd()), int(s.Kinds.Flags())); !errors.Is(err, unix.EINVAL) {
			return err
		}
	}
	for _, k := range s.Kinds.Kinds() {
		f, ok := source.Namespaces[k]
		if !ok {
			return fmt.Errorf("%s namespace of process %d is not open", k, s.PID)
		}
		if err := unix.Setns(int(f.Fd()), int(k.Flag())); err != nil {
			return err
		}
	}
	return nil
}
