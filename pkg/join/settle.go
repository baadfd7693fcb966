//go:build linux

package join

import (
	"fmt"
	"io"
	"os"
	"runtime"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/pkg/ns"
	"github.com/nsjoin/docker-nsjoin/pkg/plan"
)

// settle does to the waiting process what is done from outside: it verifies
// that it is in every namespace that was planned, puts it into those cgroups that it
// couldn't join itself, and sets oom_score_adj, for which it has no rights any more.
func settle(pid int, p *plan.Plan, cgroups []*os.File) error {
	if err := verify(pid, p); err != nil {
		return err
	}
	if p.Made().Has(ns.Net) {
		if err := loopbackUp(pid); err != nil {
			return fmt.Errorf("loopback of the new network: %w", err)
		}
	}
	who := p.Identity.Container
	if who == nil {
		return nil
	}
	if err := joinCgroups(pid, p, cgroups); err != nil {
		return err
	}
	return oomScore(pid, who.OOMScoreAdj)
}

// joinCgroups puts the process, which has one thread, into the container's cgroups.
func joinCgroups(pid int, p *plan.Plan, cgroups []*os.File) error {
	for i, f := range cgroups {
		if _, err := f.WriteString(strconv.Itoa(pid)); err != nil {
			return fmt.Errorf("join cgroup %s of %q: %w", p.Identity.Container.Cgroups[i], p.Target, err)
		}
	}
	return nil
}

// mapIDs maps every id of the process's new user namespace to itself.
func mapIDs(pid int) error {
	for _, name := range []string{"uid_map", "gid_map"} {
		ours, err := os.Open("/proc/self/" + name)
		if err != nil {
			return err
		}
		defer ours.Close()
		text, err := io.ReadAll(ours)
		if err != nil {
			return err
		}
		theirs, err := os.OpenFile(fmt.Sprintf("/proc/%d/%s", pid, name), os.O_WRONLY, 0)
		if err != nil {
			return err
		}
		defer theirs.Close()
		if _, err := theirs.Write(toItself(text)); err != nil {
			return fmt.Errorf("map ids of the user namespace: %w", err)
		}
	}
	return nil
}

// toItself makes of a map of ids, user_namespaces(7), one of its ids to themselves.
func toItself(text []byte) []byte {
	var ids strings.Builder
	for line := range strings.Lines(string(text)) {
		if f := strings.Fields(line); len(f) == 3 {
			fmt.Fprintf(&ids, "%s %s %s\n", f[0], f[0], f[2])
		}
	}
	return []byte(ids.String())
}

// loopbackUp sets lo up in the process's network namespace, as the runtime does
// for a container without a network. It takes a thread of its own, which ends
// with it: the way back may need rights that the way there does not.
func loopbackUp(pid int) error {
	theirs, err := os.Open(fmt.Sprintf("/proc/%d/ns/net", pid))
	if err != nil {
		return err
	}
	defer theirs.Close()
	done := make(chan error)
	go func() {
		runtime.LockOSThread()
		err := unix.Setns(int(theirs.Fd()), unix.CLONE_NEWNET)
		if err == nil {
			err = setLoopbackUp()
		}
		done <- err
	}()
	return <-done
}

func setLoopbackUp() error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	lo, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	lo.SetUint16(unix.IFF_UP)
	return unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, lo)
}

// verify compares the process's namespaces, all eight, with the plan's.
func verify(pid int, p *plan.Plan) error {
	for _, n := range p.Namespaces {
		if (n.ID == ns.ID{}) {
			continue // a kind that the kernel doesn't have
		}
		var st unix.Stat_t
		if err := unix.Stat(fmt.Sprintf("/proc/%d/ns/%s", pid, n.Kind), &st); err != nil {
			return fmt.Errorf("verify %s namespace: %w", n.Kind, err)
		}
		got := ns.ID{Dev: st.Dev, Ino: st.Ino}
		if n.New {
			if got == n.ID {
				return fmt.Errorf("verify %s namespace: it is not a new one", n.Kind)
			}
			continue
		}
		if got != n.ID {
			return fmt.Errorf("verify %s namespace of %q: it is %s:[%d], not %s",
				n.Kind, n.Source, n.Kind, st.Ino, n.ID.Link(n.Kind))
		}
	}
	return nil
}

// oomScore writes oom_score_adj where it differs: to lower it takes
// CAP_SYS_RESOURCE.
func oomScore(pid, want int) error {
	f, err := os.OpenFile(fmt.Sprintf("/proc/%d/oom_score_adj", pid), os.O_RDWR, 0)
	if err != nil {
		return fmt.Errorf("set oom_score_adj: %w", err)
	}
	defer f.Close()
	now, err := io.ReadAll(f)
	if err != nil {
		return fmt.Errorf("read oom_score_adj: %w", err)
	}
	text := strconv.Itoa(want)
	if string(now) == text+"\n" {
		return nil
	}
	if _, err := f.WriteString(text); err != nil {
		return fmt.Errorf("set oom_score_adj %d: %w", want, err)
	}
	return nil
}
