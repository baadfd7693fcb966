//go:build linux

package observe

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/pkg/plan"
)

// lastWithin is how long a container's first process may be there after all
// others of its pid namespace were killed: it waits for them.
const lastWithin = 500 * time.Millisecond

// WhyKilled finds out why a command got SIGKILL, which it can't tell itself: the
// first process of its pid namespace, number pid, has ended, or the kernel killed
// for want of memory. "" means that it was neither.
func (o *Observation) WhyKilled(pid int) string {
	if n, err := oomKills(o.memory); err == nil && n > o.oomKills {
		return "the kernel killed for want of memory in its cgroup"
	}
	p, ok := o.Processes[pid]
	if !ok {
		return ""
	}
	fds := []unix.PollFd{{Fd: int32(p.Pidfd.Fd()), Events: unix.POLLIN}}
	for deadline := time.Now().Add(lastWithin); ; {
		n, err := unix.Poll(fds, int(max(0, time.Until(deadline)).Milliseconds()))
		switch {
		case errors.Is(err, unix.EINTR):
		case err == nil && n > 0:
			return "it has stopped"
		default:
			return ""
		}
	}
}

// openMemory opens the file that counts what the kernel killed in a group of
// memory's hierarchy: of cgroup v2, or since Linux 4.13 of v1. None is nil.
func openMemory(of place, g plan.Cgroup) *os.File {
	name := "memory.events"
	switch {
	case slices.Contains(strings.Split(g.Hierarchy, ","), "memory"):
		name = "memory.oom_control"
	case g.Hierarchy != "":
		return nil
	}
	f, err := of.open(name, unix.O_RDONLY)
	if err != nil {
		return nil // cgroup v2 without the controller
	}
	return f
}

// oomKills reads that count; 0 where there is none.
func oomKills(file *os.File) (uint64, error) {
	if file == nil {
		return 0, nil
	}
	text := make([]byte, 4<<10)
	n, err := file.ReadAt(text, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return 0, err
	}
	for line := range strings.Lines(string(text[:n])) {
		if count, ok := strings.CutPrefix(line, "oom_kill "); ok {
			return strconv.ParseUint(strings.TrimSpace(count), 10, 64)
		}
	}
	return 0, fmt.Errorf("%s: no oom_kill", file.Name())
}
