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
	"github.com/nsjoin/docker-nsjoin/pkg/request"
)

// endTimeout is how long a container's first process may go on after all other processes of its pid namespace
// have been killed: the kernel has it wait for them.
const endTimeout = 500 * time.Millisecond

// WhyKilled returns why a command got SIGKILL: the first process of its pid namespace, which is taken from source,
// has ended, or the out-of-memory killer was active in its cgroup. For any other reason it returns "". hint says what
// the user can do, or is "".
func (o *Observation) WhyKilled(source request.Source) (why, hint string) {
	if n, err := oomKills(o.memory); err == nil && n > o.oomKills {
		return "its cgroup ran out of memory", "docker stats shows the memory in use; docker update --memory raises the limit"
	}
	p, ok := o.Processes[source.PID]
	if !ok {
		return "", ""
	}
	fds := []unix.PollFd{{Fd: int32(p.Pidfd.Fd()), Events: unix.POLLIN}}
	for deadline := time.Now().Add(endTimeout); ; {
		n, err := unix.Poll(fds, int(max(0, time.Until(deadline)).Milliseconds()))
		switch {
		case errors.Is(err, unix.EINTR):
		case err == nil && n > 0:
			return endedText(source), ""
		default:
			return "", ""
		}
	}
}

// endedText says that the process of a source has ended.
func endedText(source request.Source) string {
	if source.From == request.FromContainer {
		return fmt.Sprintf("container %s has stopped", source.Quoted())
	}
	return source.Quoted() + " has ended"
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

// oomKills reads that count. Without a file it returns 0.
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
