//go:build linux

package main

// child is a row of TestHostileTable: a kind of child that docker nsjoin makes.
type child struct {
	name string
	// args are docker nsjoin's options and operands, up to the command.
	args     func(c *cell) []string
	terminal bool
	socket   bool // the caller's standard streams are one socket
	files    bool // they are a file and the null device
	detach   bool
	brief    bool // it is tried in each column
	// hidden says that the container can't see it.
	hidden bool
	// more says that it has capabilities that the container hasn't: nothing of it may be
	// reached.
	more bool
	// host says that it has the host's file system: nothing of it may be reached.
	host bool
	// trusted says that its caller asked for it whatever may be reached, with
	// --trust-container.
	trusted bool
	// elsewhere are the kinds of namespaces that it has from elsewhere at its caller's
	// wish, "root" among them for another container's file system.
	elsewhere []string
}

// children are the rows.
func children() []child {
	in := func(options ...string) func(*cell) []string {
		return func(c *cell) []string { return append(options, c.container) }
	}
	return []child{
		// An intruder opened the caller's pipes by /proc/N/fd: it wrote into the input of the
		// caller's shell, and read what others wrote into its output later.
		{name: "plain", args: in(), brief: true},
		{name: "with input", args: in("-i")},
		// The null device was the host's: fchmod(2) works on a read-only descriptor, too.
		{name: "at files", args: in("-i"), files: true},
		// A socket named the process at its other end, SO_PEERPIDFD: with SYS_PTRACE each
		// descriptor of that process was taken, and the host's root directory was one.
		{name: "at a socket", args: in("-i"), socket: true, brief: true},
		{name: "at a terminal", args: in("-it"), terminal: true},
		{name: "detached", args: in("-d"), detach: true, brief: true},
		{name: "of another user", args: in("-u", "1000")},
		{name: "with the host's network", args: in("--net", "host"), elsewhere: []string{"net"}},
		{
			name: "of another container in its pid namespace", brief: true,
			args:      func(c *cell) []string { return []string{"--pid", "container:" + c.container, c.other} },
			elsewhere: []string{"root", "net", "mnt", "ipc", "uts", "cgroup"},
		},
		// With SYS_PTRACE an intruder opened root, memory and descriptors, and had the host.
		// With SYS_ADMIN or PERFMON it read the environment, and a secret in it.
		{name: "on the host in its pid namespace", args: in("--only", "pid"), host: true, brief: true},
		{name: "on the host in its pid namespace, detached", args: in("-d", "--only", "pid"), host: true, detach: true},
		{name: "on the host in its pid namespace, trusted", args: in("--trust-container", "--only", "pid"), host: true, trusted: true, brief: true},
		{name: "on the host in all but its mounts", args: in("--except", "mnt,user,cgroup"), host: true},
		{
			// A container's root is the owner of that user namespace: any container had the host.
			name: "on the host in its pid namespace and a new user namespace", host: true, brief: true,
			args: func(c *cell) []string {
				return []string{"--userns", "private", "--pid", "container:" + c.container, "--"}
			},
		},
		// With SYS_PTRACE, and as another user without, an intruder had all capabilities.
		{name: "of all capabilities", args: in("--privileged"), brief: true, more: true},
		{name: "of all capabilities and another user", args: in("--privileged", "-u", "1000"), brief: true, more: true},
		{
			name: "on the host in its network", host: true, hidden: true,
			args: func(c *cell) []string { return []string{"--net", "container:" + c.container, "--"} },
		},
	}
}
