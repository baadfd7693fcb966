//go:build linux

package join

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/pkg/exit"
	"github.com/nsjoin/docker-nsjoin/pkg/kernel"
	"github.com/nsjoin/docker-nsjoin/pkg/plan"
	"github.com/nsjoin/docker-nsjoin/pkg/sockets/passing"
)

// Taken are a child's descriptors: its socket and, if that is bound to a file, the file's directory. Whoever controls the
// child, a process of the container with CAP_SYS_PTRACE, chooses what they are.
type Taken struct {
	Socket    int
	Directory int // -1 without a file
	UID, GID  int // the child's, in this process's user namespace

	child   *process
	channel *channel
	held    Held
}

// Take carries a plan out that ends with OpConnectUnix or OpListenUnix. No descriptor of this process is in the
// container's reach: the child makes the socket, and it is copied from there by pidfd_getfd(2). Until End the child waits; if
// this process ends before, the child removes the file of its socket.
func Take(p *plan.Plan, held Held) (*Taken, error) {
	taken, err := take(p, held, false)
	if errors.Is(err, errProcessLimit) {
		return take(p, held, true)
	}
	return taken, err
}

func take(p *plan.Plan, held Held, moved bool) (*Taken, error) {
	t, err := newChannel()
	if err != nil {
		return nil, err
	}
	taken := &Taken{Socket: -1, Directory: -1, channel: t, held: held}
	held.take = taken.take
	child, err := startOn(t, p, held, moved, func(int, *os.File) error { return nil })
	if err != nil {
		taken.End()
		return nil, err
	}
	taken.child = child.process
	return taken, nil
}

// take copies the descriptors from the child.
func (t *Taken) take(p *plan.Plan, child *process) error {
	var err error
	if t.UID, t.GID, err = child.ids(); err != nil {
		return err
	}
	if t.Socket, err = child.copyDescriptor(socketFD); err != nil {
		return err
	}
	if p.Forward.Listen && p.Forward.Path[0] != '@' {
		t.Directory, err = child.copyDescriptor(directoryFD)
	}
	return err
}

// End ends the child, and closes the descriptors that the caller has not set to -1.
func (t *Taken) End() {
	t.child.end(t.held.TakeBack) // before it would notice that the channel is closed
	t.child = nil
	t.channel.close()
	for _, fd := range []*int{&t.Socket, &t.Directory} {
		if *fd >= 0 {
			passing.CloseAll([]int{*fd}) // what a process of the container has put there, whose close(2) could wait
		}
		*fd = -1
	}
}

// Undo has the child remove the file that its socket is bound to, and ends it.
func (t *Taken) Undo() {
	t.channel.closeSync()
	if t.child != nil {
		t.child.ends(grace)
	}
	t.End()
}

// copyDescriptor copies one of the process's descriptors.
func (p *process) copyDescriptor(number int) (int, error) {
	fd, err := unix.PidfdGetfd(int(p.pidfd.Fd()), number, 0)
	if err != nil {
		return -1, kernel.Explain(fmt.Errorf("take the socket from the process in the container: pidfd_getfd: %w", err))
	}
	return fd, nil
}

// socketFailed is the error of a step that connects or binds the socket.
func (f *follower) socketFailed(step int, errno unix.Errno, err error) error {
	if errno == unix.EADDRINUSE && f.plan.Forward.Listen {
		return exit.Hint(fmt.Errorf("%s in %q: %w", f.plan.Describe(step), f.plan.Target, err),
			"something with that name is there already: remove it, or choose another name")
	}
	return fmt.Errorf("%s in %q: %w", f.plan.Describe(step), f.plan.Target, err)
}

// relabel sets the process's own label. Its profile mediates all that follows.
func (c *compiler) relabel(plan.Step) error {
	file, text := "self/attr/current", c.identity.SELinux
	if c.identity.AppArmor != "" {
		text = "changeprofile " + c.identity.AppArmor
		if unix.Access("/proc/self/attr/apparmor/current", unix.F_OK) == nil {
			file = "self/attr/apparmor/current"
		}
	}
	return c.writeProc(file, text)
}
