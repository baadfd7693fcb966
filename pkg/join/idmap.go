//go:build linux

package join

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/pkg/kernel"
	"github.com/nsjoin/docker-nsjoin/pkg/plan"
)

// MapOf makes a user namespace with the plan's map of IDs, and opens it: mount_setattr(2) takes a map only from a user
// namespace. Nothing runs in it.
func MapOf(p *plan.Plan) (users *os.File, err error) {
	ch, err := newChannel()
	if err != nil {
		return nil, err
	}
	defer ch.close()
	c := newMountCompiler(p, Held{}, ch)
	c.call(unix.SYS_UNSHARE, unix.CLONE_NEWUSER)
	c.add(await, 0)
	child, err := begin(c.prog)
	ch.closeChildEnds()
	if err != nil {
		return nil, err
	}
	defer child.end(nil)
	f := &follower{plan: p, prog: c.prog, channel: ch, first: child}
	if what, err := f.poll(grace); err != nil || what != byteReceived {
		return nil, fmt.Errorf("make a user namespace for the map of IDs: %w", errors.Join(err, f.mountEnded()))
	}
	dir, err := child.proc()
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	for i, name := range []string{"uid_map", "gid_map"} {
		m := p.Mounting.Map[i]
		if err := write(int(dir.Fd()), name, fmt.Appendf(nil, "%d %d %d\n", m.Inside, m.Outside, m.Count)); err != nil {
			return nil, kernel.Explain(fmt.Errorf("map ID %d to %d: %w", m.Inside, m.Outside, err))
		}
	}
	fd, err := unix.Openat(int(dir.Fd()), "ns/user", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), "user namespace"), nil
}
