//go:build linux

package main

// child is a row of TestHostileTable: a kind of child process that docker nsjoin starts.
type child struct {
	name string
	// args returns docker nsjoin's arguments before the command.
	args     func(c *cell) []string
	terminal bool
	socket   bool // the caller's standard streams are one socket
	files    bool // they are a file and the null device
	detach   bool
	brief    bool // it runs in each column
	// hidden says that the container cannot see it.
	hidden bool
	// more says that it has capabilities that the container lacks: an intruder must not
	// reach anything of it.
	more bool
	// host says that it has the host's file system: an intruder must not reach anything of it.
	host bool
	// trusted says that its caller used --trust-container, which accepts whatever an
	// intruder reaches.
	trusted bool
	// local says that it runs only on this machine, as its caller.
	local bool
	// elsewhere are the kinds of namespaces that its caller asked it to take from elsewhere;
	// "root" stands for another container's file system.
	elsewhere []string
}

// children returns the rows.
func children() []child {
	in := func(options ...string) func(*cell) []string {
		return func(c *cell) []string { return append(options, c.container) }
	}
	return []child{
		// Before, an intruder opened the caller's pipes through /proc/N/fd. It wrote to the input
		// of the caller's shell, and read what others later wrote to its output.
		{name: "plain", args: in(), brief: true},
		{name: "with input", args: in("-i")},
		// Before, the null device was the host's, and fchmod(2) works even on a read-only descriptor.
		{name: "at files", args: in("-i"), files: true},
		// Before, a socket identified the process at its other end by SO_PEERPIDFD. With
		// SYS_PTRACE an intruder copied every descriptor of that process, among them one of the
		// host's root directory.
		{name: "at a socket", args: in("-i"), socket: true, brief: true},
		{name: "at a terminal", args: in("-it"), terminal: true},
		{name: "detached", args: in("-d"), detach: true, brief: true},
		{name: "of another user", args: in("-u", "1000")},
		{name: "with the host's network", args: in("--net", "host"), elsewhere: []string{"net"}},
		{
			name: "with the names of another container",
			args: func(c *cell) []string { return []string{"--names", "container:" + c.other, c.container} }, elsewhere: []string{"mnt"},
		},
		{
			name: "of another container in its pid namespace", brief: true,
			args:      func(c *cell) []string { return []string{"--pid", "container:" + c.container, c.other} },
			elsewhere: []string{"root", "net", "mnt", "ipc", "uts", "cgroup"},
		},
		// Before, an intruder with SYS_PTRACE opened the root directory, memory and descriptors,
		// and so controlled the host. With SYS_ADMIN or PERFMON it read a secret in the environment.
		{name: "on the host in its pid namespace", args: in("--only", "pid"), host: true, brief: true},
		{name: "on the host in its pid namespace, detached", args: in("-d", "--only", "pid"), host: true, detach: true},
		{name: "on the host in its pid namespace, trusted", args: in("--trust-container", "--only", "pid"), host: true, trusted: true, brief: true},
		{name: "on the host in all but its mounts", args: in("--except", "mnt,user,cgroup"), host: true},
		{
			// Before, a container's root owned that user namespace, so any container controlled the host.
			name: "on the host in its pid namespace and a new user namespace", host: true, brief: true,
			args: func(c *cell) []string {
				return []string{"--userns", "private", "--pid", "container:" + c.container, "--"}
			},
		},
		// Before, an intruder gained all capabilities: with SYS_PTRACE, or without it as another user.
		{name: "of all capabilities", args: in("--privileged"), brief: true, more: true},
		{name: "of all capabilities and another user", args: in("--privileged", "-u", "1000"), brief: true, more: true},
		{
			name: "on the host in its network", host: true, hidden: true,
			args: func(c *cell) []string { return []string{"--net", "container:" + c.container, "--"} },
		},
		// Its file system has the container's files, in which an intruder may look for a way to it.
		{name: "on the host, with the container's files", args: in("debug", "--tools", "host"), host: true, hidden: true, local: true, brief: true},
	}
}
