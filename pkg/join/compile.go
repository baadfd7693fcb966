//go:build linux

package join

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/pkg/plan"
)

// compiler makes a program of a plan. Every value is prepared here, since the child can't.
type compiler struct {
	plan     *plan.Plan
	identity *plan.ContainerIdentity // the plan's, or nil
	held     Held
	prog     *program
	step     int32
	moved    bool    // the helper moves the command into its cgroups at the end
	treeFD   uintptr // of a mount to attach, in the child; 0 if it is not reserved yet
}

// compile translates the plan's steps, one after another, into system calls. The caller closes the
// program.
func compile(p *plan.Plan, held Held, moved bool, ch *channel) (*program, error) {
	last, err := lastDescriptor()
	if err != nil {
		return nil, err
	}
	c := &compiler{plan: p, identity: p.Identity.Container, held: held, step: -1, moved: moved}
	c.prog = &program{report: ch.report, notify: ch.childNotify.Fd(), sync: ch.childSync.Fd(), lastFD: last}
	c.prog.code = make([]instruction, 0, usualCode)
	if err := c.setName(); err != nil {
		return nil, err
	}
	c.keepReport(ch.memory)
	c.streams(held.Stdio)
	c.prog.takes = held.take != nil
	if c.identity != nil {
		ignored := c.identity.IgnoredSignals
		if c.prog.takes {
			ignored |= 1 << (unix.SIGPIPE - 1) // it has to remove its file if the helper has ended
		}
		c.signals(ignored)
	}
	closeAt, visibleAt := c.closeBefore(), c.visibleFrom()
	for i, s := range p.Steps {
		c.step = int32(i)
		if i == closeAt {
			c.closeOthers()
		}
		if i == visibleAt && s.Op != plan.OpFork {
			c.add(becomeVisible, 0)
		}
		if err := c.compile(s); err != nil {
			c.prog.close()
			return nil, fmt.Errorf("%s: %w", p.Describe(i), err)
		}
	}
	if err := errors.Join(c.failures(visibleAt), c.command()); err != nil {
		c.prog.close()
		return nil, err
	}
	return c.prog, nil
}

// setName gives the child the helper's name, which monitors know. The thread that forks may have another one: that of the
// file that was executed.
func (c *compiler) setName() error {
	name, err := c.text(Name)
	if err == nil {
		c.call(unix.SYS_PRCTL, unix.PR_SET_NAME, name)
	}
	return err
}

// close closes the files that the program was made with; the child has its own.
func (p *program) close() {
	for _, f := range p.files {
		f.Close()
	}
	p.files = nil
}

// compile translates one step, by the row of its operation.
func (c *compiler) compile(s plan.Step) error {
	if s.Op >= plan.EndOfOps {
		return fmt.Errorf("unknown %s", s.Op)
	}
	row := &operations[s.Op]
	switch {
	case row.compile != nil:
		return row.compile(c, s)
	case row.single == instruction{}:
		return fmt.Errorf("unknown %s", s.Op)
	}
	c.add(row.single.do, row.single.call, row.single.args[:]...)
	return nil
}

// closeBefore returns the step before which all descriptors except the standard streams and the two pipes
// are closed: no later step needs others. That comes before the filter is loaded, since a container's
// filter may forbid close_range(2).
func (c *compiler) closeBefore() int {
	from := 0
	for i, s := range c.plan.Steps {
		if s.Op < plan.EndOfOps && operations[s.Op].descriptors {
			from = i + 1
		}
	}
	return from
}

// visibleFrom returns the first step of the process that may be in the container's pid namespace.
func (c *compiler) visibleFrom() int {
	return slices.IndexFunc(c.plan.Steps, func(s plan.Step) bool {
		return s.Op == plan.OpFork || s.Op == plan.OpSession || s.Op == plan.OpSettle
	})
}

// usualCode is about the number of instructions for a command in a container.
const usualCode = 192

func (c *compiler) add(do action, nr uintptr, args ...uintptr) {
	o := instruction{do: do, step: c.step, call: nr}
	copy(o.args[:], args)
	c.prog.code = append(c.prog.code, o)
}

func (c *compiler) call(nr uintptr, args ...uintptr) { c.add(call, nr, args...) }

// command prepares the plan's command.
func (c *compiler) command() error {
	c.prog.search = c.plan.Command.Search
	return c.executes(c.plan.Command.Paths, c.plan.Command.Args, c.plan.Identity.Env)
}

// executes prepares the arguments of execve(2).
func (c *compiler) executes(paths, args, env []string) error {
	var err error
	p := c.prog
	if p.argv, err = syscall.SlicePtrFromStrings(args); err != nil {
		return fmt.Errorf("the command's arguments: %w", err)
	}
	if p.envv, err = syscall.SlicePtrFromStrings(env); err != nil {
		return fmt.Errorf("the command's environment: %w", err)
	}
	if p.paths, err = syscall.SlicePtrFromStrings(paths); err != nil {
		return fmt.Errorf("the command's name: %w", err)
	}
	p.paths = p.paths[:len(p.paths)-1] // without the closing nil
	return nil
}

// find compiles the search for the command's file. Its failures are reported like those of the exec.
func (c *compiler) find(plan.Step) error {
	c.step = c.execStep()
	c.add(find, 0)
	return nil
}

// writeProc writes text to a file of the helper's /proc. A container's /proc may be forged.
func (c *compiler) writeProc(file, text string) error {
	proc, err := os.Open("/proc")
	if err != nil {
		return err
	}
	c.prog.files = append(c.prog.files, proc)
	name, err := c.text(file)
	if err != nil {
		return err
	}
	address, err := c.text(text)
	c.add(writeAt, 0, proc.Fd(), name, address, uintptr(len(text)))
	return err
}
