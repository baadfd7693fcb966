package plan

import (
	"fmt"
	"strings"

	"github.com/nsjoin/docker-nsjoin/pkg/ns"
)

// Op is an operation: what a step does. The process that becomes the command does all of them itself,
// except for OpMap and OpSettle, which the helper does while that process waits.
//
// A new operation is a constant here, a row of operations below, and a row of the table of the same
// name in package join.
type Op uint8

// The operations. The zero Op is none.
const (
	OpLabel     Op = iota + 1 // set the AppArmor or SELinux label of the exec
	OpLimits                  // set resource limits
	OpSchedule                // set policy, nice value, I/O priority, timer slack, processors
	OpUndo                    // reset what else a process inherits: securebits, memory policy, speculation, …
	OpJoin                    // setns(2) to Kinds, all of one process at once
	OpNoGroups                // drop the supplementary groups
	OpCgroups                 // join the container's cgroups; a new cgroup namespace is rooted there
	OpUnshare                 // make new namespaces of Kinds, unshare(2)
	OpMap                     // map all IDs of a new user namespace to themselves
	OpMounts                  // make the new mounts private
	OpSlave                   // make the new mounts slaves of those that they are a copy of
	OpProc                    // mount /proc of the pid namespace at At, with the mounts Beneath
	OpRoot                    // become uid 0 of the joined user namespace
	OpKeyring                 // join the container's session keyring
	OpUmask                   // set the umask
	OpPersona                 // set the execution domain, personality(2)
	OpDir                     // change the directory, with root's rights
	OpDirAgain                // the same as the user, where root may not (a network file system)
	OpDirLast                 // the same as the command, if it is there only for that (/proc/self)
	OpBounding                // drop the capabilities that are not in the bounding set
	OpUser                    // set groups, gid and uid; capabilities are kept
	OpInside                  // check that the directory is inside the root (CVE-2024-21626)
	OpNoNewPriv               // set no_new_privs
	OpSeccomp                 // load the seccomp filters
	OpLoader                  // add the capabilities that loading a filter takes to the command's
	OpCaps                    // set the capabilities
	OpFork                    // fork: only children are in a joined pid namespace
	OpSession                 // lead a new session
	OpTerminal                // make standard input the controlling terminal
	OpSettle                  // verify the namespaces, set oom_score_adj
	OpFind                    // choose the file to execute
	OpExec                    // execute the command

	EndOfOps // one past the last operation
)

// operation is how plans print an operation: its name in JSON, and what it does, for people. That is
// text, or depends on the plan and the step.
type operation struct {
	name     string
	text     string
	describe func(p *Plan, s Step) string
}

// operations is static data: nothing is built when the helper starts.
var operations = [EndOfOps]operation{
	OpLabel: {name: "label", describe: func(p *Plan, _ Step) string {
		c := p.Identity.Container
		return "label " + QuoteArg(c.AppArmor+c.SELinux)
	}},
	OpLimits: {name: "limits", describe: func(p *Plan, _ Step) string {
		return fmt.Sprintf("%d resource limits", len(p.Identity.Container.Limits))
	}},
	OpSchedule: {name: "schedule", describe: func(p *Plan, _ Step) string { return p.Identity.Container.scheduling() }},
	OpUndo:     {name: "undo", text: "undo what else is the caller's"},
	OpJoin: {name: "join", describe: func(_ *Plan, s Step) string {
		if s.PID == 0 {
			return fmt.Sprintf("join %s of %s", s.Kinds, s.From)
		}
		return fmt.Sprintf("join %s of %s (pid %d)", spaced(s.Kinds), s.From, s.PID)
	}},
	OpNoGroups: {name: "no-groups", text: "drop supplementary groups"},
	OpCgroups:  {name: "cgroups", text: "join cgroups"},
	OpUnshare:  {name: "unshare", describe: func(_ *Plan, s Step) string { return "make new " + spaced(s.Kinds) }},
	OpMap:      {name: "map", text: "map the ids of the user namespace"},
	OpMounts:   {name: "mounts", text: "keep mounts from spreading"},
	OpSlave: {name: "slave", describe: func(p *Plan, _ Step) string {
		return "keep mounts from spreading, but take those of " + p.row(ns.Mnt).Source
	}},
	OpProc: {name: "proc", describe: func(_ *Plan, s Step) string {
		var beneath []string
		for _, m := range s.Beneath {
			beneath = append(beneath, m.Path)
		}
		return strings.TrimSuffix("mount /proc of the pid namespace, with "+strings.Join(beneath, " "), ", with ")
	}},
	OpRoot: {name: "root", text: "become root of the user namespace"},
	OpKeyring: {name: "keyring", describe: func(p *Plan, _ Step) string {
		if p.Identity.Container.Keyring == "" {
			return "new session keyring"
		}
		return "join session keyring " + p.Identity.Container.Keyring
	}},
	OpUmask: {name: "umask", describe: func(p *Plan, _ Step) string { return fmt.Sprintf("umask %04o", p.Identity.Container.Umask) }},
	OpPersona: {name: "persona", describe: func(p *Plan, _ Step) string {
		if p.Identity.Container.Personality != 0 {
			return fmt.Sprintf("execution domain %#x", p.Identity.Container.Personality)
		}
		return "default execution domain"
	}},
	OpDir: {name: "dir", describe: func(p *Plan, _ Step) string { return "change to " + p.Identity.Dir }},
	OpDirAgain: {name: "dir-again", describe: func(p *Plan, _ Step) string {
		return "change to " + p.Identity.Dir + " as the user, if root may not"
	}},
	OpDirLast: {name: "dir-last", describe: func(p *Plan, _ Step) string {
		return "change to " + p.Identity.Dir + ", if it is only there now, and check it"
	}},
	OpBounding: {name: "bounding", describe: func(p *Plan, _ Step) string {
		return fmt.Sprintf("bounding set of %d capabilities", len(p.Identity.Container.Capabilities.Bounding.Names()))
	}},
	OpUser: {name: "user", describe: func(p *Plan, _ Step) string {
		return fmt.Sprintf("become uid %d, gid %d", p.Identity.Container.UID, p.Identity.Container.GID)
	}},
	OpInside:    {name: "inside", text: "check that the directory is inside the root"},
	OpNoNewPriv: {name: "no-new-privileges", text: "no new privileges"},
	OpSeccomp: {name: "seccomp", describe: func(p *Plan, _ Step) string {
		if call := p.Identity.Container.Forbidden; call != "" {
			return "seccomp filter, which forbids " + call + "(2)"
		}
		return "seccomp filter"
	}},
	OpLoader: {name: "loader", text: "capabilities to load the filter, until the exec"},
	OpCaps: {name: "capabilities", describe: func(p *Plan, _ Step) string {
		return fmt.Sprintf("%d effective capabilities", len(p.Identity.Container.Capabilities.Effective.Names()))
	}},
	OpFork: {name: "fork", describe: func(p *Plan, _ Step) string {
		if !p.leaves(ns.PID) && !p.leaves(ns.Time) {
			return "fork, for a table of descriptors of its own"
		}
		return "fork into the pid or time namespace"
	}},
	OpSession:  {name: "session", text: "new session"},
	OpTerminal: {name: "terminal", text: "make the terminal the session's"},
	OpSettle: {name: "settle", describe: func(p *Plan, _ Step) string {
		if p.Identity.Container == nil {
			return "verify the namespaces"
		}
		return "verify the namespaces; set oom_score_adj"
	}},
	OpFind: {name: "find", describe: func(p *Plan, _ Step) string { return "find " + QuoteArg(p.Command.Args[0]) }},
	OpExec: {name: "exec", describe: func(p *Plan, _ Step) string { return "exec " + quoteArgs(p.Command.Args) }},
}

// Describe says what step i does, for people.
func (p *Plan) Describe(i int) string {
	s := p.Steps[i]
	row := s.Op.row()
	if row.describe != nil {
		return row.describe(p, s)
	}
	return row.text
}

// String is the operation's name in JSON.
func (o Op) String() string { return o.row().name }

// MarshalText writes the operation's name.
func (o Op) MarshalText() ([]byte, error) { return []byte(o.String()), nil }

// UnmarshalText reads an operation's name.
func (o *Op) UnmarshalText(name []byte) error {
	for i := range operations {
		if i > 0 && operations[i].name == string(name) {
			*o = Op(i)
			return nil
		}
	}
	return fmt.Errorf("unknown operation %q", name)
}

func (o Op) row() operation {
	if o == 0 || o >= EndOfOps {
		name := fmt.Sprintf("operation %d", uint8(o))
		return operation{name: name, text: name}
	}
	return operations[o]
}

// spaced writes kinds with spaces between them.
func spaced(kinds ns.Set) string { return strings.ReplaceAll(kinds.String(), ",", " ") }
