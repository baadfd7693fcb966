//go:build linux

package join

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"sort"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/pkg/ns"
	"github.com/nsjoin/docker-nsjoin/pkg/plan"
)

// compiler makes a program of a plan.
type compiler struct {
	plan  *plan.Plan
	held  Held
	prog  *program
	step  int32
	moved bool // the helper puts the command into its cgroups in the end
}

// compile translates the plan's steps, one after another, into system calls.
// Every value is prepared here, since the child can't. The program is to be closed.
func compile(p *plan.Plan, held Held, moved bool, t *talk) (*program, error) {
	last, err := lastDescriptor()
	if err != nil {
		return nil, err
	}
	c := &compiler{plan: p, held: held, step: -1, moved: moved}
	c.prog = &program{word: t.word, said: t.sayEnd.Fd(), gate: t.hearEnd.Fd(), lastFD: last}
	c.keepWord(t.memory)
	c.streams(held.Stdio)
	if p.Identity.Container != nil {
		c.signals(p.Identity.Container.IgnoredSignals)
	}
	alone, seen := c.aloneFrom(), c.seenFrom()
	for i, s := range p.Steps {
		c.step = int32(i)
		if i == alone {
			c.closeOthers()
		}
		if i == seen && s.Op != plan.OpFork {
			c.add(beSeen, 0)
		}
		if err := c.compile(s); err != nil {
			c.prog.close()
			return nil, fmt.Errorf("%s: %w", p.Describe(i), err)
		}
	}
	if err := errors.Join(c.verdicts(seen), c.command()); err != nil {
		c.prog.close()
		return nil, err
	}
	return c.prog, nil
}

// close closes what the program was made with; the child has its own.
func (p *program) close() {
	for _, f := range p.files {
		f.Close()
	}
	p.files = nil
}

// aloneFrom is the step before which all descriptors are closed but the standard
// streams and the two pipes: none that follows needs another. Container filters may
// forbid close_range(2), so that it is before those.
func (c *compiler) aloneFrom() int {
	from := 0
	for i, s := range c.plan.Steps {
		if s.Op == plan.OpLabel || s.Op == plan.OpUndo || s.Op == plan.OpCgroups || s.Op == plan.OpJoin {
			from = i + 1
		}
	}
	return from
}

// seenFrom is the first step of the process that may be in the container's pid namespace.
func (c *compiler) seenFrom() int {
	return slices.IndexFunc(c.plan.Steps, func(s plan.Step) bool {
		return s.Op == plan.OpFork || s.Op == plan.OpSession || s.Op == plan.OpSettle
	})
}

func (c *compiler) add(do action, nr uintptr, args ...uintptr) {
	o := op{do: do, step: c.step, call: nr}
	copy(o.args[:], args)
	c.prog.ops = append(c.prog.ops, o)
}

func (c *compiler) call(nr uintptr, args ...uintptr) { c.add(call, nr, args...) }

func (c *compiler) compile(s plan.Step) error {
	who := c.plan.Identity.Container
	switch s.Op {
	case plan.OpLabel:
		return c.label(who)
	case plan.OpLimits:
		c.limits(who.Limits)
	case plan.OpSchedule:
		c.schedule(who)
	case plan.OpUndo:
		return c.undo(who)
	case plan.OpJoin:
		return c.join(s)
	case plan.OpNoGroups:
		c.groups(nil)
	case plan.OpRoot:
		c.become(0, 0)
	case plan.OpKeyring:
		return c.keyring(who.Keyring)
	case plan.OpUmask:
		c.call(unix.SYS_UMASK, uintptr(who.Umask))
	case plan.OpPersona:
		c.call(unix.SYS_PERSONALITY, uintptr(who.Personality))
	case plan.OpDir:
		if who == nil {
			return c.enter(call, c.plan.Identity.Dir, leftNothing) // there is no other user who might be allowed to
		}
		inside := uintptr(0)
		if slices.ContainsFunc(c.plan.Steps, func(s plan.Step) bool { return s.Op == plan.OpDirLast }) {
			inside = leftInside
		}
		return c.enter(enter, c.plan.Identity.Dir, inside)
	case plan.OpDirAgain:
		return c.enter(enterAgain, c.plan.Identity.Dir, leftToUser)
	case plan.OpDirLast:
		if err := c.enter(enterAgain, c.plan.Identity.Dir, leftInside); err != nil {
			return err
		}
		c.add(checkAgain, 0, 0, leftInside)
	case plan.OpInside:
		last := uintptr(0)
		if slices.ContainsFunc(c.plan.Steps, func(s plan.Step) bool { return s.Op == plan.OpDirLast }) {
			last = leftInside
		}
		c.add(checkInside, 0, last)
	case plan.OpBounding:
		c.bounding(who.Capabilities.Bounding)
	case plan.OpUser:
		c.call(unix.SYS_PRCTL, unix.PR_SET_KEEPCAPS, 1)
		if !who.KeepGroups {
			c.groups(who.Groups)
		}
		c.become(who.UID, who.GID)
		c.call(unix.SYS_PRCTL, unix.PR_SET_KEEPCAPS, 0)
	case plan.OpNoNewPriv:
		c.call(unix.SYS_PRCTL, unix.PR_SET_NO_NEW_PRIVS, 1)
	case plan.OpSeccomp:
		c.seccomp(who)
	case plan.OpLoader:
		c.loader(who)
	case plan.OpCaps:
		c.capabilities(who)
	case plan.OpFork:
		c.add(forkAgain, 0)
	case plan.OpSession:
		c.call(unix.SYS_SETSID)
	case plan.OpTerminal:
		c.call(unix.SYS_IOCTL, 0, unix.TIOCSCTTY)
	case plan.OpSettle:
		c.add(await, 0)
	case plan.OpCgroups:
		return c.cgroups(who.Cgroups)
	case plan.OpMap:
		c.add(await, 0, messageMap)
	case plan.OpUnshare:
		c.call(unix.SYS_UNSHARE, uintptr(s.Kinds.Flags()))
		if s.Kinds.Has(ns.Net) {
			return c.loopback()
		}
	case plan.OpMounts:
		return c.mount("none", "/", "", unix.MS_REC|unix.MS_PRIVATE)
	case plan.OpSlave:
		return c.mount("none", "/", "", unix.MS_REC|unix.MS_SLAVE)
	case plan.OpProc:
		return c.proc(s)
	case plan.OpFind:
		c.step = c.execStep() // both fail alike
		c.add(find, 0)
	case plan.OpExec:
		c.add(execute, 0)
	default:
		return fmt.Errorf("unknown operation %q", s.Op)
	}
	return nil
}

// closeOthers closes all descriptors but the standard streams, the two pipes, and those of the
// caller's that the command inherits, so that nothing of ours can be seen from inside the container.
// A command that inherits none has a table of 64, as docker exec's: the pipes get low numbers before the
// fork that makes it, which the kernel makes as large as the highest descriptor asks for (FDSize, proc(5)).
func (c *compiler) closeOthers() {
	if len(c.held.Inherited) == 0 {
		c.add(lowerPipes, 0, 3, 4)
		c.add(closeRange, 0, 5, maxFD)
		return
	}
	keep := append([]int{int(c.prog.said), int(c.prog.gate)}, c.held.Inherited...)
	slices.Sort(keep)
	next := uintptr(3)
	for _, fd := range keep {
		c.add(closeRange, 0, next, uintptr(fd))
		next = uintptr(fd) + 1
	}
	c.add(closeRange, 0, next, maxFD)
}

// cgroups has the child join its cgroups itself: who moves another process, or all
// threads of one, waits for some milliseconds until no process of the system is
// within fork, exec or exit. A thread that moves itself doesn't, and a process
// that is born into a group of cgroup v2 doesn't either (cgroup_procs_write_start
// and cgroup_css_set_fork of the kernel's kernel/cgroup/cgroup.c).
func (c *compiler) cgroups(groups []plan.Cgroup) error {
	if c.moved {
		return nil
	}
	self, err := c.text("0")
	for i, g := range groups {
		do := call
		if g.Hierarchy == "" && c.held.Into != nil {
			c.prog.birth = cloneArgs{flags: unix.CLONE_INTO_CGROUP, exitSignal: uint64(unix.SIGCHLD), cgroup: uint64(c.held.Into.Fd())}
			do = unlessBorn
		}
		c.add(do, unix.SYS_WRITE, c.held.Cgroups[i].Fd(), self, 1)
	}
	return err
}

// streams puts the standard streams in their places.
func (c *compiler) streams(stdio [3]*os.File) {
	for fd, f := range stdio {
		if f.Fd() != uintptr(fd) {
			c.call(unix.SYS_DUP3, f.Fd(), uintptr(fd), 0)
		}
	}
}

// join joins kinds of one process: at once by its pidfd or, where the kernel
// doesn't know that, one after another, the user namespace last.
func (c *compiler) join(s plan.Step) error {
	if f, ok := c.held.Paths[s.From]; ok && s.PID == 0 {
		c.call(unix.SYS_SETNS, f.Fd(), uintptr(s.Kinds.Flags()))
		return nil
	}
	source, ok := c.held.Sources[s.PID]
	if !ok {
		return fmt.Errorf("process %d is not held", s.PID)
	}
	each := call
	if source.Pidfd != nil {
		each = joinEach
		c.add(joinAtOnce, unix.SYS_SETNS, source.Pidfd.Fd(), uintptr(s.Kinds.Flags()))
	}
	order := s.Kinds.Without(ns.SetOf(ns.User)).Kinds()
	if s.Kinds.Has(ns.User) {
		order = append(order, ns.User)
	}
	for _, k := range order {
		f, ok := source.Namespaces[k]
		if !ok {
			return fmt.Errorf("%s namespace of process %d is not open", k, s.PID)
		}
		c.add(each, unix.SYS_SETNS, f.Fd(), uintptr(k.Flag()))
	}
	return nil
}

// proc mounts a new /proc and moves the mounts beneath the present one to it. It is done by
// paths alone: the process can be seen from inside the pid namespace, and holds nothing of the host's.
func (c *compiler) proc(s plan.Step) error {
	const root = "/proc"
	if err := c.mount("proc", s.At, "proc", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC); err != nil {
		return err
	}
	for _, m := range s.Beneath {
		from, errFrom := c.text(m.Path)
		to, errTo := c.text(s.At + strings.TrimPrefix(m.Path, root))
		if err := errors.Join(errFrom, errTo); err != nil {
			return err
		}
		copied := uintptr(unix.MS_BIND | unix.MS_REC)
		if m.Autofs {
			copied = 0 // it would be used by that
		}
		c.add(carry, unix.SYS_MOUNT, from, to, 0, unix.MS_MOVE, 0, copied)
	}
	if s.At == root {
		return nil
	}
	return c.mount(s.At, root, "", unix.MS_MOVE)
}

func (c *compiler) mount(source, target, kind string, flags uintptr) error {
	var args [3]uintptr
	for i, s := range []string{source, target, kind} {
		var err error
		if args[i], err = c.text(s); err != nil {
			return err
		}
	}
	c.call(unix.SYS_MOUNT, args[0], args[1], args[2], flags, 0)
	return nil
}

func (c *compiler) become(uid, gid uint32) {
	c.call(sysSetresgid, uintptr(gid), uintptr(gid), uintptr(gid))
	c.call(sysSetresuid, uintptr(uid), uintptr(uid), uintptr(uid))
}

// keyring joins a session keyring by its name. Without one it has no name, and is new. If it can't
// be made, since the container's root may have used up that user's quota, no command runs: it would have the caller's.
func (c *compiler) keyring(name string) error {
	if name == "" {
		c.add(ifKnown, unix.SYS_KEYCTL, unix.KEYCTL_JOIN_SESSION_KEYRING, 0)
		return nil
	}
	s, err := c.text(name)
	c.call(unix.SYS_KEYCTL, unix.KEYCTL_JOIN_SESSION_KEYRING, s)
	return err
}

func (c *compiler) enter(do action, dir string, left uintptr) error {
	s, err := c.text(dir)
	c.add(do, unix.SYS_CHDIR, s, left)
	return err
}

// bounding drops the capabilities that are not in keep, as far as the kernel
// knows capabilities.
func (c *compiler) bounding(keep plan.CapSet) {
	known := sort.Search(64, func(number int) bool {
		_, err := unix.PrctlRetInt(unix.PR_CAPBSET_READ, uintptr(number), 0, 0, 0)
		return err != nil // past the last one
	})
	for number := range known {
		if keep&(1<<number) == 0 {
			c.call(unix.SYS_PRCTL, unix.PR_CAPBSET_DROP, uintptr(number))
		}
	}
}

// capabilities are set in the end. Where a filter has been loaded by them before, the ambient ones are
// set already: capset(2) keeps those that it leaves, and the filter may forbid prctl(2).
func (c *compiler) capabilities(who *plan.ContainerIdentity) {
	caps := who.Capabilities
	c.capset(caps.Permitted, caps.Effective, caps.Inheritable)
	if len(who.Filters) == 0 || who.NoNewPrivileges {
		c.ambient(caps)
	}
}

// loader gives the capabilities that loading a filter takes, besides those of the command.
func (c *compiler) loader(who *plan.ContainerIdentity) {
	all := who.Capabilities.Permitted | who.Capabilities.Inheritable | plan.CapSysAdmin
	c.capset(all, all, who.Capabilities.Inheritable)
	c.ambient(who.Capabilities)
}

func (c *compiler) ambient(caps plan.Capabilities) {
	c.call(unix.SYS_PRCTL, unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_CLEAR_ALL)
	for number := range 64 {
		if caps.Ambient&(1<<number) != 0 {
			c.call(unix.SYS_PRCTL, unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_RAISE, uintptr(number))
		}
	}
}

// label sets the security label of the exec, as runc's apparmor and selinux
// packages write it, through the helper's /proc: the container's may be forged.
func (c *compiler) label(who *plan.ContainerIdentity) error {
	file, text := "self/attr/exec", who.SELinux
	if who.AppArmor != "" {
		text = "exec " + who.AppArmor
		if unix.Access("/proc/self/attr/apparmor/exec", unix.F_OK) == nil {
			file = "self/attr/apparmor/exec"
		}
	}
	return c.writeProc(file, text)
}

// writeProc writes a text to a file of the helper's /proc.
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
	c.add(writeProc, 0, proc.Fd(), name, address, uintptr(len(text)))
	return err
}

// command prepares the plan's command.
func (c *compiler) command() error {
	c.prog.search = c.plan.Command.Search
	return c.executes(c.plan.Command.Paths, c.plan.Command.Args, c.plan.Identity.Env)
}

// executes prepares what execve takes.
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
