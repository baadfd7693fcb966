//go:build linux

package observe

import (
	"errors"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/pkg/survey"
)

// Bounds of what a survey reads of command lines, which take the memory and the time of
// processes that anybody may have started.
const (
	allCommands = 1 << 20                // bytes, of all processes together
	patience    = 100 * time.Millisecond // for one that doesn't answer; it takes microseconds
	impatience  = 2 * time.Millisecond   // after the first few of those
	someSilent  = 4
	manySilent  = 64 // each keeps a thread
)

// readOrigins reads what the processes given are. One that has ended meanwhile is left out.
func (s *surveyor) readOrigins(pids []int) {
	budget := commands{left: allCommands}
	numbers := make(map[int]bool, len(pids))
	for _, pid := range pids {
		numbers[pid] = true
	}
	for i := range s.Processes {
		p := &s.Processes[i]
		if !numbers[p.PID] || p.Origin == nil {
			continue
		}
		if dir, err := lookInto(p.PID); err != nil {
			p.Origin = nil
		} else if err := budget.read(dir, p.Origin); err != nil {
			p.Origin = nil
		}
	}
}

// commands is what may still be read of command lines, and how many processes were silent.
type commands struct{ left, silent int }

// read reads who and what a process is, and closes its directory.
func (c *commands) read(p *Process, o *survey.Origin) error {
	defer p.dir.Close()
	// The directory's owner is the effective user, whatever else the process hides, and
	// without its groups, which status lists: NGROUPS_MAX of them are 0.7 MB.
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
	if err != nil && !errors.Is(err, errMemoryHeld) {
		return err
	}
	o.Cut = more || err != nil
	o.Command = strings.ToValidUTF8(survey.Command(strings.TrimSuffix(name, "\n"), string(text)), "\ufffd")
	return nil
}

// cmdline reads the beginning of a command line, and tells whether there is more.
func (c *commands) cmdline(p *Process) ([]byte, bool, error) {
	if c.left <= 0 || c.silent >= manySilent {
		return nil, true, nil
	}
	within := patience
	if c.silent >= someSilent {
		within = impatience
	}
	text, more, err := p.readMemoryWithin("cmdline", survey.MaxCommand, within)
	c.left -= len(text)
	if errors.Is(err, errMemoryHeld) {
		c.silent++
	}
	return text, more, err
}
