package plan

import (
	"cmp"
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
	OpApart       Op = iota + 1 // leave the caller's session and its terminal
	OpLabel                     // set the AppArmor or SELinux label of the exec
	OpLimits                    // set resource limits
	OpSchedule                  // set policy, nice value, I/O priority, timer slack, processors
	OpUndo                      // reset what else a process inherits: securebits, memory policy, speculation, …
	OpJoin                      // setns(2) to Kinds, all of one process at once
	OpNoGroups                  // drop the supplementary groups
	OpCgroups                   // join the container's cgroups; a new cgroup namespace is rooted there
	OpUnshare                   // make new namespaces of Kinds, unshare(2)
	OpMap                       // map all IDs of a new user namespace to themselves
	OpMounts                    // make the new mounts private
	OpSlave                     // make the new mounts slaves of those that they are a copy of
	OpNames                     // mount the files about names; their file system is at At for a moment
	OpSys                       // mount /sys of the network namespace at At, with the mounts Beneath
	OpProc                      // mount /proc of the pid namespace at At, with the mounts Beneath
	OpView                      // mount the view's tree, and the mounts in it
	OpPivot                     // make the view the root directory
	OpNoExec                    // forbid to execute any program but the view's own
	OpRoot                      // become uid 0 of the joined user namespace
	OpRemove                    // remove the program with which a copy of a container was started, with its directory
	OpKeyring                   // join the container's session keyring
	OpUmask                     // set the umask
	OpPersona                   // set the execution domain, personality(2)
	OpDir                       // change the directory, with root's rights
	OpDirAgain                  // change it as the user, if root may not (a network file system)
	OpDirLast                   // change it after the fork, if only the command can reach it (/proc/self)
	OpBounding                  // drop the capabilities that are not in the bounding set
	OpUser                      // set groups, gid and uid; capabilities are kept
	OpInside                    // check that the directory is inside the root (CVE-2024-21626)
	OpNoNewPriv                 // set no_new_privs
	OpSeccomp                   // load the seccomp filters
	OpLoader                    // add the capabilities that loading a filter requires to the command's
	OpCaps                      // set the capabilities
	OpFork                      // fork: only children are in a joined pid namespace
	OpSession                   // lead a new session
	OpTerminal                  // make standard input the controlling terminal
	OpSettle                    // verify the namespaces, set oom_score_adj
	OpFind                      // choose the file to execute
	OpExec                      // execute the command
	OpRelabel                   // set the AppArmor or SELinux label at once, for a process that executes nothing
	OpHide                      // be not dumpable: a change of the uid sets what fs.suid_dumpable says
	OpSockets                   // make sockets in the joined network, on a thread of the helper
	OpConnectUnix               // connect a UNIX socket, and keep it for the helper
	OpListenUnix                // bind a UNIX socket, listen, and keep it for the helper

	// Those of a mount, which has no command.
	OpClone      // clone the mount of a mount's source
	OpTmpfs      // make a tmpfs that is mounted nowhere
	OpMountFlags // set the flags and the propagation of the clone
	OpRecord     // wait until the helper has recorded it
	OpAttach     // attach it at the target
	OpCheck      // wait until the helper has verified it; detach it if it does not
	OpDetach     // detach a mount

	EndOfOps // one past the last operation
)

// operation is how plans print an operation: its name in JSON, and what it does, for people: text, or
// what describe returns if that depends on the plan and the step.
type operation struct {
	name     string
	text     string
	describe func(p *Plan, s Step) string
}

// operations is static data: nothing is built when the helper starts.
var operations = [EndOfOps]operation{
	OpApart: {name: "apart", text: "leave the caller's session"},
	OpLabel: {name: "label", describe: func(p *Plan, _ Step) string {
		c := p.Identity.Container
		return "set label " + QuoteArg(c.AppArmor+c.SELinux)
	}},
	OpLimits: {name: "limits", describe: func(p *Plan, _ Step) string {
		return fmt.Sprintf("set %d resource limits", len(p.Identity.Container.Limits))
	}},
	OpSchedule: {name: "schedule", describe: func(p *Plan, _ Step) string { return "set " + p.Identity.Container.scheduling() }},
	OpUndo:     {name: "undo", text: "reset the caller's other attributes"},
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
	OpMounts:   {name: "mounts", text: "make the mounts private"},
	OpSlave: {name: "slave", describe: func(p *Plan, _ Step) string {
		return "make the mounts slaves of those of " + p.row(ns.Mnt).Source
	}},
	OpNames: {name: "names", describe: func(p *Plan, _ Step) string {
		text := "mount the names of " + p.Names.Of + " over " + strings.Join(p.Names.paths(), " ")
		return strings.TrimSuffix(text+"; hide "+strings.Join(p.Names.Hidden, " "), "; hide ")
	}},
	OpSys:  {name: "sys", describe: func(_ *Plan, s Step) string { return "mount /sys of the network namespace" + s.with() }},
	OpProc: {name: "proc", describe: func(_ *Plan, s Step) string { return "mount /proc of the pid namespace" + s.with() }},
	OpView: {name: "view", describe: func(p *Plan, _ Step) string {
		text := fmt.Sprintf("mount the view, with %d mounts of %s", len(p.View.Mounts), p.row(ns.Mnt).Source)
		if c := p.View.Clone; c != nil {
			text += fmt.Sprintf(" and the root directory of %s (pid %d)", c.Of, c.PID)
		}
		return text
	}},
	OpPivot:  {name: "pivot", text: "make the view the root directory"},
	OpNoExec: {name: "no-exec", text: "forbid to execute the container's programs, and to follow links of a procfs"},
	OpRoot:   {name: "root", text: "become root of the user namespace"},
	OpRemove: {name: "remove", describe: func(p *Plan, _ Step) string { return "remove " + QuoteArg(p.Remove) + " with its directory" }},
	OpKeyring: {name: "keyring", describe: func(p *Plan, _ Step) string {
		if p.Identity.Container.Keyring == "" {
			return "make a new session keyring"
		}
		return "join session keyring " + p.Identity.Container.Keyring
	}},
	OpUmask: {name: "umask", describe: func(p *Plan, _ Step) string { return fmt.Sprintf("set umask %04o", p.Identity.Container.Umask) }},
	OpPersona: {name: "persona", describe: func(p *Plan, _ Step) string {
		if p.Identity.Container.Personality != 0 {
			return fmt.Sprintf("set execution domain %#x", p.Identity.Container.Personality)
		}
		return "set the default execution domain"
	}},
	OpDir: {name: "dir", describe: func(p *Plan, _ Step) string { return "change to " + p.Identity.Dir }},
	OpDirAgain: {name: "dir-again", describe: func(p *Plan, _ Step) string {
		return "change to " + p.Identity.Dir + " as the user, if root is denied"
	}},
	OpDirLast: {name: "dir-last", describe: func(p *Plan, _ Step) string {
		return "change to " + p.Identity.Dir + " if it exists only in the new pid namespace, and check it"
	}},
	OpBounding: {name: "bounding", describe: func(p *Plan, _ Step) string {
		return fmt.Sprintf("limit the bounding set to %d capabilities", len(p.Identity.Container.Capabilities.Bounding.Names()))
	}},
	OpUser: {name: "user", describe: func(p *Plan, _ Step) string {
		return fmt.Sprintf("become uid %d, gid %d", p.Identity.Container.UID, p.Identity.Container.GID)
	}},
	OpInside:    {name: "inside", text: "check that the directory is inside the root"},
	OpNoNewPriv: {name: "no-new-privileges", text: "set no_new_privs"},
	OpSeccomp: {name: "seccomp", describe: func(p *Plan, _ Step) string {
		if call := p.Identity.Container.Forbidden; call != "" {
			return "load the seccomp filter, which forbids " + call + "(2)"
		}
		return "load the seccomp filter"
	}},
	OpLoader: {name: "loader", text: "add the capabilities to load the filter, until the exec"},
	OpCaps: {name: "capabilities", describe: func(p *Plan, _ Step) string {
		return fmt.Sprintf("set %d effective capabilities", len(p.Identity.Container.Capabilities.Effective.Names()))
	}},
	OpFork: {name: "fork", describe: func(p *Plan, _ Step) string {
		if !p.leaves(ns.PID) && !p.leaves(ns.Time) {
			return "fork, for a descriptor table of its own"
		}
		return "fork into the pid or time namespace"
	}},
	OpSession:  {name: "session", text: "start a new session"},
	OpTerminal: {name: "terminal", text: "make the terminal the controlling terminal"},
	OpSettle: {name: "settle", describe: func(p *Plan, _ Step) string {
		if p.Identity.Container == nil {
			return "verify the namespaces"
		}
		return "verify the namespaces; set oom_score_adj"
	}},
	OpFind: {name: "find", describe: func(p *Plan, _ Step) string { return "find " + QuoteArg(p.Command.Args[0]) }},
	OpExec: {name: "exec", describe: func(p *Plan, _ Step) string { return "exec " + quoteArgs(p.Command.Args) }},
	OpRelabel: {name: "relabel", describe: func(p *Plan, _ Step) string {
		c := p.Identity.Container
		return "change to label " + QuoteArg(c.AppArmor+c.SELinux)
	}},
	OpHide:        {name: "hide", text: "stay hidden from tracers"},
	OpSockets:     {name: "sockets", text: "make sockets, in a thread of the helper"},
	OpConnectUnix: {name: "connect-unix", describe: func(p *Plan, _ Step) string { return "connect to " + p.Forward.socket() }},
	OpListenUnix:  {name: "listen-unix", describe: func(p *Plan, _ Step) string { return "listen on " + p.Forward.socket() }},

	OpClone: {name: "clone", describe: func(p *Plan, _ Step) string {
		source := cmp.Or(p.Mounting.Source, p.Mounting.What())
		if p.Mounting.Single {
			return "clone the mount of " + source
		}
		return "clone the mount of " + source + ", with those beneath it"
	}},
	OpTmpfs: {name: "tmpfs", text: "make a tmpfs"},
	OpMountFlags: {name: "mount-flags", describe: func(p *Plan, _ Step) string {
		return strings.Join(append([]string{"make it " + p.Mounting.Propagation()}, p.Mounting.Flags...), ", ")
	}},
	OpRecord: {name: "record", text: "record it"},
	OpAttach: {name: "attach", describe: func(p *Plan, _ Step) string { return "attach it at " + p.Mounting.Target }},
	OpCheck:  {name: "check", text: "verify from outside where it is; detach it if it is elsewhere"},
	OpDetach: {name: "detach", describe: func(p *Plan, _ Step) string { return "detach " + p.Mounting.Target }},
}

// Describe describes step i for people.
func (p *Plan) Describe(i int) string {
	s := p.Steps[i]
	row := s.Op.row()
	if row.describe != nil {
		return row.describe(p, s)
	}
	return row.text
}

// String returns the operation's name in JSON.
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

// with names the mounts that a step carries over.
func (s Step) with() string {
	if len(s.Beneath) == 0 {
		return ""
	}
	var paths []string
	for _, m := range s.Beneath {
		paths = append(paths, m.Path)
	}
	return ", with " + strings.Join(paths, " ")
}

// spaced writes kinds with spaces between them.
func spaced(kinds ns.Set) string { return strings.ReplaceAll(kinds.String(), ",", " ") }
