//go:build linux

package observe

import (
	"errors"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/pkg/survey"
)

// Limits for reading command lines in a survey. The kernel reads them from the memory of processes that any user
// may have started, which can take long.
const (
	maxCommandBytes     = 1 << 20                // bytes, of all processes together
	cmdlineTimeout      = 500 * time.Millisecond // for one process; it normally takes microseconds
	shortCmdlineTimeout = 2 * time.Millisecond   // after shortTimeoutAfter processes have timed out
	shortTimeoutAfter   = 4
	maxSilent           = 64 // processes that may time out; each timeout leaves a thread behind
)

// readDetails reads user and command line of the given processes. A process that has ended is left out.
func (s *surveyor) readDetails(pids []int) {
	budget := commands{left: maxCommandBytes}
	numbers := make(map[int]bool, len(pids))
	for _, pid := range pids {
		numbers[pid] = true
	}
	for i := range s.Processes {
		p := &s.Processes[i]
		if !numbers[p.PID] || p.Origin == nil {
			continue
		}
		if dir, err := openProcDir(p.PID); err != nil {
			p.Origin = nil
		} else if err := budget.read(dir, p.Origin); err != nil {
			p.Origin = nil
		}
	}
}

// commands counts the bytes of command lines that may still be read, and the processes that have timed out.
type commands struct{ left, silent int }

// read reads user and command line of a process and closes its directory.
func (c *commands) read(p *Process, o *survey.Origin) error {
	defer p.dir.Close()
	// The directory's owner is the effective user, even if the process is not dumpable. Reading status would include
	// its groups: NGROUPS_MAX of them are 0.7 MB.
	var st unix.Stat_t
	if err := unix.Fstat(int(p.dir.Fd()), &st); err != nil {
		return err
	}
	o.UID = st.Uid
	name, err := p.read("comm")
	if err != nil {
		return err
	}
	text, more, err := c.cmdline(p)
	if err != nil && !errors.Is(err, errMemoryLocked) {
		return err
	}
	o.Cut = more || err != nil
	o.Command = strings.ToValidUTF8(survey.Command(strings.TrimSuffix(name, "\n"), string(text)), "\ufffd")
	return nil
}

// cmdline reads the beginning of a command line and reports whether there is more.
func (c *commands) cmdline(p *Process) ([]byte, bool, error) {
	if c.left <= 0 || c.silent >= maxSilent {
		return nil, true, nil
	}
	timeout := cmdlineTimeout
	if c.silent >= shortTimeoutAfter {
		timeout = shortCmdlineTimeout
	}
	text, more, err := p.readMemoryWithin("cmdline", survey.MaxCommand, timeout)
	c.left -= len(text)
	if errors.Is(err, errMemoryLocked) {
		c.silent++
	}
	return text, more, err
}
