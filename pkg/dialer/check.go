//go:build linux

package dialer

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/pkg/ns"
)

// readCookie reads the kernel's number of the container's network namespace, since Linux 5.14; 0 before.
func (d *Dialer) readCookie() (uint64, error) {
	fds, err := d.threads.Make(unix.AF_INET, unix.SOCK_DGRAM, 0, 1)
	if err != nil {
		return 0, err
	}
	defer unix.Close(fds[0])
	return cookie(fds[0])
}

func cookie(fd int) (uint64, error) {
	number, err := unix.GetsockoptUint64(fd, unix.SOL_SOCKET, unix.SO_NETNS_COOKIE)
	if errors.Is(err, unix.ENOPROTOOPT) {
		return 0, nil
	}
	return number, err
}

// check checks a descriptor that was taken from a process that the container may control: it is a UNIX socket of
// type typ in the container's network, which listens or is connected.
func (d *Dialer) check(fd, typ int, listens bool) error {
	wants := 0
	if listens && typ != unix.SOCK_DGRAM {
		wants = 1
	}
	for _, option := range []struct {
		name       string
		number, is int
	}{
		{"domain", unix.SO_DOMAIN, unix.AF_UNIX},
		{"type", unix.SO_TYPE, typ},
		{"protocol", unix.SO_PROTOCOL, 0},
		{"state of listening", unix.SO_ACCEPTCONN, wants},
	} {
		got, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, option.number)
		if err == nil && got != option.is {
			err = fmt.Errorf("its %s is %d, not %d", option.name, got, option.is)
		}
		if err != nil {
			return d.forged(err)
		}
	}
	return d.checkNetwork(fd)
}

func (d *Dialer) checkNetwork(fd int) error {
	if d.cookie != 0 {
		got, err := cookie(fd)
		if err == nil && got != d.cookie {
			err = errors.New("it belongs to another network")
		}
		if err != nil {
			return d.forged(err)
		}
		return nil
	}
	network, err := unix.IoctlRetInt(fd, unix.SIOCGSKNS)
	if err != nil {
		return fmt.Errorf("find the network of a socket: SIOCGSKNS: %w", err)
	}
	defer unix.Close(network)
	var st unix.Stat_t
	if err := unix.Fstat(network, &st); err != nil {
		return fmt.Errorf("find the network of a socket: %w", err)
	}
	if (ns.ID{Dev: st.Dev, Ino: st.Ino}) != d.process.IDs[ns.Net] {
		return d.forged(errors.New("it belongs to another network"))
	}
	return nil
}

// forged ends the dialer.
func (d *Dialer) forged(why error) error {
	err := &ForgedError{d.Plan.Target, why}
	d.fail(err)
	return err
}

// ForgedError is why a dialer has ended: a process of the container controls what the dialer's processes there do.
type ForgedError struct {
	Container string
	Why       error
}

func (e *ForgedError) Error() string {
	return fmt.Sprintf("a process in %q has put another descriptor where the wanted UNIX socket was: %v", e.Container, e.Why)
}
