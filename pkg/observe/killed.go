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

// endTimeout is how long a container's first process may live after all other processes of its pid namespace
// were killed: it waits for them.
const endTimeout = 500 * time.Millisecond

// WhyKilled tells why a command got SIGKILL: the first process of its pid namespace, pid, has ended, or the
// out-of-memory killer was active in its cgroup. It is "" for another reason.
func (o *Observation) WhyKilled(pid int) string {
	if n, err := oomKills(o.memory); err == nil && n > o.oomKills {
		return "its cgroup is out of memory"
	}
	p, ok := o.Processes[pid]
	if !ok {
		return ""
	}
	fds := []unix.PollFd{{Fd: int32(p.Pidfd.Fd()), Events: unix.POLLIN}}
	for deadline := time.Now().Add(endTimeout); ; {
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

// openMemory opens the file that counts what the out-of-memory killer ended in a group: of cgroup v2, or of v1
// since Linux 4.13. It is nil if the group has no such file.
func openMemory(in cgroupDir, g plan.Cgroup) *os.File {
	name := "memory.events"
	switch {
	case slices.Contains(strings.Split(g.Hierarchy, ","), "memory"):
		name = "memory.oom_control"
	case g.Hierarchy != "":
		return nil
	}
	f, err := in.open(name, unix.O_RDONLY)
	if err != nil {
		return nil // cgroup v2 without the memory controller
	}
	return f
}

// oomKills reads that count; 0 without a file.
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
	return 0, fmt.Errorf("%s: no line oom_kill", file.Name())
}
