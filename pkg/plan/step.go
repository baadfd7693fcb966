package plan

import (
	"fmt"
	"strings"

	"github.com/nsjoin/docker-nsjoin/pkg/ns"
)

// Op is one kind of thing that is done.
type Op string

// The operations. Who takes a step is part of what it is: "settle" is the
// helper's, on the waiting process; the others are that process's own.
const (
	OpLabel     Op = "label"     // AppArmor or SELinux label for the exec
	OpLimits    Op = "limits"    // resource limits
	OpSchedule  Op = "schedule"  // policy, nice value, I/O priority, timer slack, processors
	OpUndo      Op = "undo"      // what else a process inherits: securebits, memory policy, speculation, …
	OpJoin      Op = "join"      // setns(2) to Kinds, all of one process at once
	OpNoGroups  Op = "no-groups" // drop the supplementary groups
	OpCgroups   Op = "cgroups"   // join the container's cgroups; a new cgroup namespace is rooted there
	OpUnshare   Op = "unshare"   // make new namespaces of Kinds, unshare(2)
	OpMap       Op = "map"       // map all ids of a new user namespace to themselves
	OpMounts    Op = "mounts"    // keep what is mounted in new mounts to them
	OpSlave     Op = "slave"     // the same, and go on to get what is mounted in those that they are a copy of
	OpProc      Op = "proc"      // mount /proc of the pid namespace at At, with what is mounted Beneath
	OpRoot      Op = "root"      // become uid 0 of the joined user namespace
	OpKeyring   Op = "keyring"   // join the container's session keyring
	OpUmask     Op = "umask"     //
	OpPersona   Op = "persona"   // the execution domain, personality(2)
	OpDir       Op = "dir"       // change the directory, with root's rights
	OpDirAgain  Op = "dir-again" // as the user, where root may not (a network file system)
	OpDirLast   Op = "dir-last"  // as the command, if it is there only for that (/proc/self)
	OpBounding  Op = "bounding"  // drop what is not in the bounding set
	OpUser      Op = "user"      // groups, gid, uid; capabilities are kept
	OpInside    Op = "inside"    // the directory is inside the root (CVE-2024-21626)
	OpNoNewPriv Op = "no-new-privileges"
	OpSeccomp   Op = "seccomp"
	OpLoader    Op = "loader" // the capabilities that loading a filter takes, besides the command's
	OpCaps      Op = "capabilities"
	OpFork      Op = "fork" // a joined pid namespace holds for children only
	OpSession   Op = "session"
	OpTerminal  Op = "terminal" // make standard input the controlling terminal
	OpSettle    Op = "settle"   // verify the namespaces; oom_score_adj
	OpFind      Op = "find"     // choose the file to execute
	OpExec      Op = "exec"
)

// Step is one thing that is done.
type Step struct {
	Op Op `json:"op"`
	// Kinds is what OpJoin joins; From names the process that has them.
	Kinds ns.Set `json:"kinds,omitempty"`
	From  string `json:"from,omitempty"`
	PID   int    `json:"pid,omitempty"`
	// At is where OpProc mounts the new /proc, and moves Beneath, the mounts beneath the present
	// one. Then it moves the new one to /proc.
	At      string  `json:"at,omitempty"`
	Beneath []Mount `json:"beneath,omitempty"`
}

// joins orders the namespaces that are joined into steps, one a process.
//
// The user namespace comes last: the others may belong to the initial one, and
// the rights to join them are lost with it. setns(2) on a pidfd takes several
// kinds in one call, all or nothing, with the rights that it needs of each.
func joins(namespaces []Namespace) []Step {
	var steps []Step
	for _, n := range namespaces {
		if !n.Join {
			continue
		}
		i := 0
		for i < len(steps) && (steps[i].PID != n.PID || n.PID == 0) {
			i++
		}
		if i == len(steps) {
			steps = append(steps, Step{Op: OpJoin, From: n.Source, PID: n.PID})
		}
		steps[i].Kinds |= ns.SetOf(n.Kind)
	}
	for i, s := range steps {
		if s.Kinds.Has(ns.User) {
			return append(append(steps[:i:i], steps[i+1:]...), s)
		}
	}
	return steps
}

// steps is the order of everything, from the fork of the process that becomes
// the command to its exec. proc says that a new /proc is mounted, and beneath what is mounted
// beneath the present one.
//
// It follows runc's libcontainer/setns_init_linux.go, but for one thing: the
// process that enters the pid namespace is made last, when all rights but the
// container's are gone. Until then the container can't see it, and afterwards
// there is nothing to gain from tracing it (CVE-2016-9962).
func steps(p *Plan, proc bool, beneath []Mount) []Step {
	var list []Step
	who := p.Identity
	if c := who.Container; c != nil {
		// What needs the host's /proc, a free descriptor or rights on the host.
		if c.AppArmor != "" || c.SELinux != "" {
			list = append(list, Step{Op: OpLabel})
		}
		list = append(list, Step{Op: OpLimits}, Step{Op: OpSchedule}, Step{Op: OpUndo})
		if len(c.Cgroups) > 0 {
			list = append(list, Step{Op: OpCgroups}) // a cpuset's processors are the last word
		}
	}
	if who.RootOfUserNamespace {
		// Inside it may not be allowed, and ours would be kept.
		list = append(list, Step{Op: OpNoGroups})
	}
	list = append(list, joins(p.Namespaces)...)
	if who.RootOfUserNamespace {
		list = append(list, Step{Op: OpRoot})
	}
	list = append(list, making(p)...)
	if c := who.Container; c != nil {
		list = append(list,
			Step{Op: OpKeyring}, Step{Op: OpUmask}, Step{Op: OpPersona}, Step{Op: OpBounding},
			Step{Op: OpDir}, Step{Op: OpUser}, Step{Op: OpDirAgain}, Step{Op: OpInside})
		list = append(list, restrictions(c)...)
	} else if who.Dir != "" && !proc {
		list = append(list, Step{Op: OpDir})
	}
	list = append(list, forking(p)...)
	if proc {
		list = append(list, procStep(beneath))
		if who.Dir != "" {
			list = append(list, Step{Op: OpDir}) // which may be in /proc
		}
	}
	if p.LeadsSession() {
		list = append(list, Step{Op: OpSession})
	}
	if p.Terminal {
		list = append(list, Step{Op: OpTerminal})
	}
	return append(list, finish(who.Container)...)
}

// forking is the second fork, and what is found after it only.
func forking(p *Plan) []Step {
	var list []Step
	container := p.Identity.Container != nil
	if p.leaves(ns.PID) || p.leaves(ns.Time) || container {
		// Without a reason of its own it gives a small table of descriptors:
		// the size of the first, which has ours, is in /proc/self/status.
		list = append(list, Step{Op: OpFork})
	}
	if container {
		list = append(list, Step{Op: OpDirLast})
	}
	return list
}

// finish is what is done when the helper lets go.
func finish(c *ContainerIdentity) []Step {
	list := []Step{{Op: OpSettle}, {Op: OpFind}}
	if c != nil && c.Forbidden != "" {
		list = append(list, Step{Op: OpSeccomp})
	}
	return append(list, Step{Op: OpExec})
}

// making is how new namespaces are made. What is theirs alone belongs to a new
// user namespace, which is made first within the one call.
func making(p *Plan) []Step {
	made := p.Made()
	if made == 0 {
		return nil
	}
	list := []Step{{Op: OpUnshare, Kinds: made}}
	if made.Has(ns.User) {
		list = append(list, Step{Op: OpMap})
	}
	switch {
	case p.row(ns.Mnt).Slave:
		list = append(list, Step{Op: OpSlave})
	case made.Has(ns.Mnt):
		list = append(list, Step{Op: OpMounts})
	}
	return list
}

// restrictions are the filter and the capabilities. Without no_new_privs a
// filter takes CAP_SYS_ADMIN, so it goes first; with it, it goes last, so that
// it has to allow as little as possible.
//
// One that forbids what follows is loaded just before the exec. What that takes of capabilities
// ends with the exec, which gives the command its own.
func restrictions(c *ContainerIdentity) []Step {
	var list []Step
	if c.NoNewPrivileges {
		list = append(list, Step{Op: OpNoNewPriv}, Step{Op: OpCaps})
	}
	switch {
	case c.Forbidden != "" && c.NoNewPrivileges:
		return list
	case c.Forbidden != "":
		return []Step{{Op: OpLoader}}
	}
	if len(c.Filters) > 0 {
		list = append(list, Step{Op: OpSeccomp})
	}
	if !c.NoNewPrivileges {
		list = append(list, Step{Op: OpCaps})
	}
	return list
}

// Describe says what step i does, for people.
func (p *Plan) Describe(i int) string {
	c, s := p.Identity.Container, p.Steps[i]
	switch s.Op {
	case OpJoin:
		if s.PID == 0 {
			return fmt.Sprintf("join %s of %s", s.Kinds, s.From)
		}
		return fmt.Sprintf("join %s of %s (pid %d)", strings.ReplaceAll(s.Kinds.String(), ",", " "), s.From, s.PID)
	case OpCgroups:
		return "join cgroups"
	case OpUnshare:
		return "make new " + strings.ReplaceAll(s.Kinds.String(), ",", " ")
	case OpMap:
		return "map the ids of the user namespace"
	case OpMounts:
		return "keep mounts from spreading"
	case OpSlave:
		return "keep mounts from spreading, but take those of " + p.row(ns.Mnt).Source
	case OpProc:
		var beneath []string
		for _, m := range s.Beneath {
			beneath = append(beneath, m.Path)
		}
		return strings.TrimSuffix("mount /proc of the pid namespace, with "+strings.Join(beneath, " "), ", with ")
	case OpNoGroups:
		return "drop supplementary groups"
	case OpRoot:
		return "become root of the user namespace"
	case OpKeyring:
		if c.Keyring == "" {
			return "new session keyring"
		}
		return "join session keyring " + c.Keyring
	case OpUmask:
		return fmt.Sprintf("umask %04o", c.Umask)
	case OpPersona:
		if c.Personality != 0 {
			return fmt.Sprintf("execution domain %#x", c.Personality)
		}
		return "default execution domain"
	case OpDir:
		return "change to " + p.Identity.Dir
	case OpDirAgain:
		return "change to " + p.Identity.Dir + " as the user, if root may not"
	case OpDirLast:
		return "change to " + p.Identity.Dir + ", if it is only there now, and check it"
	case OpBounding:
		return fmt.Sprintf("bounding set of %d capabilities", len(c.Capabilities.Bounding.Names()))
	case OpUser:
		return fmt.Sprintf("become uid %d, gid %d", c.UID, c.GID)
	case OpInside:
		return "check that the directory is inside the root"
	case OpLabel:
		return "label " + QuoteArg(c.AppArmor+c.SELinux)
	case OpNoNewPriv:
		return "no new privileges"
	case OpSeccomp:
		if c.Forbidden != "" {
			return "seccomp filter, which forbids " + c.Forbidden + "(2)"
		}
		return "seccomp filter"
	case OpLoader:
		return "capabilities to load the filter, until the exec"
	case OpCaps:
		return fmt.Sprintf("%d effective capabilities", len(c.Capabilities.Effective.Names()))
	case OpFork:
		if !p.leaves(ns.PID) && !p.leaves(ns.Time) {
			return "fork, for a table of descriptors of its own"
		}
		return "fork into the pid or time namespace"
	case OpSession:
		return "new session"
	case OpTerminal:
		return "make the terminal the session's"
	case OpLimits:
		return fmt.Sprintf("%d resource limits", len(c.Limits))
	case OpSchedule:
		return c.scheduling()
	case OpUndo:
		return "undo what else is the caller's"
	case OpSettle:
		if c == nil {
			return "verify the namespaces"
		}
		return "verify the namespaces; set oom_score_adj"
	case OpFind:
		return "find " + QuoteArg(p.Command.Args[0])
	case OpExec:
		return "exec " + quoteArgs(p.Command.Args)
	}
	return string(s.Op)
}
