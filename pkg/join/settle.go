//go:build linux

package join

import (
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/pkg/exit"
	"github.com/nsjoin/docker-nsjoin/pkg/ns"
	"github.com/nsjoin/docker-nsjoin/pkg/plan"
)

// settle does what the helper does from outside while the child waits: it verifies that the child is in
// every planned namespace, moves it into the cgroups that it couldn't join itself, and sets its
// oom_score_adj, for which the child has no rights any more.
func settle(child *process, p *plan.Plan, held *Held, cgroups []*os.File) error {
	dir, err := child.proc()
	if err != nil {
		return err
	}
	defer dir.Close()
	if err := verify(int(dir.Fd()), p); err != nil {
		return err
	}
	if p.View != nil {
		if err := verifyView(dir, p.View, held); err != nil {
			return err
		}
	}
	identity := p.Identity.Container
	if identity == nil {
		return nil
	}
	if err := joinCgroups(child, p, cgroups); err != nil {
		return err
	}
	return oomScore(int(dir.Fd()), identity.OOMScoreAdj)
}

// joinCgroups moves the child, which has one thread, into the container's cgroups.
func joinCgroups(child *process, p *plan.Plan, cgroups []*os.File) error {
	for i, f := range cgroups {
		if f == nil {
			continue // left out
		}
		if _, err := f.WriteString(strconv.Itoa(child.pid)); err != nil {
			return fmt.Errorf("join cgroup %s of %q: %w", p.Identity.Container.Cgroups[i], p.Target, err)
		}
	}
	return nil
}

// mapIDs maps every ID of the child's new user namespace to itself.
func mapIDs(child *process) error {
	dir, err := child.proc()
	if err != nil {
		return err
	}
	defer dir.Close()
	for _, name := range []string{"uid_map", "gid_map"} {
		ours, err := os.Open("/proc/self/" + name)
		if err != nil {
			return err
		}
		text, err := io.ReadAll(ours)
		ours.Close()
		if err == nil {
			err = write(int(dir.Fd()), name, toItself(text))
		}
		if err != nil {
			return fmt.Errorf("map ids of the user namespace: %w", err)
		}
	}
	return nil
}

// write writes to a file of the child's directory in /proc.
func write(dir int, name string, text []byte) error {
	fd, err := unix.Openat(dir, name, unix.O_WRONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	_, err = unix.Write(fd, text)
	return err
}

// toItself turns a map of IDs, user_namespaces(7), into one that maps the same IDs to themselves.
func toItself(text []byte) []byte {
	var ids strings.Builder
	for line := range strings.Lines(string(text)) {
		if f := strings.Fields(line); len(f) == 3 {
			fmt.Fprintf(&ids, "%s %s %s\n", f[0], f[0], f[2])
		}
	}
	return []byte(ids.String())
}

// verify compares all eight namespaces of the child, whose directory in /proc is dir, with the plan's.
func verify(dir int, p *plan.Plan) error {
	for _, n := range p.Namespaces {
		if (n.ID == ns.ID{}) {
			continue // a kind that the kernel doesn't have
		}
		var st unix.Stat_t
		if err := unix.Fstatat(dir, "ns/"+n.Kind.String(), &st, 0); err != nil {
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

// oomScore writes oom_score_adj if it differs: lowering it requires CAP_SYS_RESOURCE.
func oomScore(dir, want int) error {
	fd, err := unix.Openat(dir, "oom_score_adj", unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("set oom_score_adj: %w", err)
	}
	f := os.NewFile(uintptr(fd), "oom_score_adj")
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
		return exit.Hint(fmt.Errorf("set oom_score_adj %d: %w", want, err),
			"the caller's oom_score_adj is higher, and CAP_SYS_RESOURCE is missing: use --via engine")
	}
	return nil
}
