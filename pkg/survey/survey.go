// Package survey analyzes the namespaces of all processes on the engine's host: which containers
// share which, and which processes have entered a container from outside, its guests. Package
// observe makes a Survey, and the plugin prints the analysis. This package does no I/O.
package survey

import (
	"strings"

	"github.com/nsjoin/docker-nsjoin/pkg/ns"
)

// Survey is the result of one scan of /proc. It is not a snapshot: processes that start or end during the
// scan may be missing.
type Survey struct {
	// Boot is the host's boot time, in milliseconds since the Unix epoch.
	Boot int64 `json:"boot"`
	// Groups has all processes, grouped by their namespaces. The first group is in the host's
	// namespaces; its processes are only counted.
	Groups []Group `json:"groups"`
	// Processes are the processes of the other groups, by pid.
	Processes []Process `json:"processes"`
	// Containers are the requested containers that were found.
	Containers []Container `json:"containers"`
	// Held has the mounts and descriptors that keep namespaces alive, if requested.
	Held []Holder `json:"held,omitempty"`
	// Unread is the number of processes that could not be read.
	Unread  int     `json:"unread,omitempty"`
	Omitted Omitted `json:"omitted,omitzero"`
}

// Omitted counts what a survey leaves out because a limit was reached.
type Omitted struct {
	// Processes is the number of processes in namespaces other than the host's that were not read.
	Processes int `json:"processes,omitempty"`
	// Holders is the number of processes whose mounts or descriptors were not all read.
	Holders int `json:"holders,omitempty"`
	// Namespaces is the number of namespaces of no container that are not listed.
	Namespaces int `json:"namespaces,omitempty"`
}

// Limits of a survey. A container controls how many processes, namespaces, descriptors and mounts
// it has, and their names.
const (
	// MaxProcesses is the number of processes in namespaces other than the host's that are
	// read, and MaxGroups the number of groups.
	MaxProcesses = 1 << 17
	MaxGroups    = 1 << 14
	// MaxGuests is the number of a container's guests that are listed, the oldest ones.
	MaxGuests = 50
	// MaxCommand is the largest length of a command line, and MaxPath of a mount's path, in bytes.
	MaxCommand = 1024
	MaxPath    = 256
	// MaxHeld is the number of holders that are read, and MaxHolders the number listed for one
	// namespace.
	MaxHeld    = 1 << 13
	MaxHolders = 4
	// maxUnowned is the number of namespaces of no container listed for each kind, the oldest ones.
	maxUnowned = 128
)

// Group is a set of processes with the same eight namespaces.
type Group struct {
	Namespaces Inodes `json:"namespaces"`
	Count      int    `json:"count"`
}

// Inodes identifies the namespaces of a process by kind: the inode numbers of /proc/PID/ns/KIND, 0
// for a kind that the kernel lacks.
type Inodes [8]uint64

// Shared returns the kinds in which a and b are equal.
func (a *Inodes) Shared(b *Inodes) ns.Set {
	var s ns.Set
	for k := range a {
		if a[k] != 0 && a[k] == b[k] {
			s |= 1 << k
		}
	}
	return s
}

// Process is a process in namespaces other than the host's.
type Process struct {
	PID    int `json:"pid"`
	Parent int `json:"parent"`
	Group  int `json:"group"` // index in Survey.Groups
	// Start is its start time, in hundredths of a second after Boot.
	Start uint64 `json:"start"`
	// Origin is set if the process is in a namespace of a container and its parent is in other
	// namespaces.
	Origin *Origin `json:"origin,omitempty"`
}

// Origin holds the facts from which a process's origin is determined.
type Origin struct {
	// Cgroup is the ID of the container in the process's cgroup paths, or "".
	Cgroup string `json:"cgroup,omitempty"`
	// UID is the effective uid on the host, and Command the result of the function Command. Both are
	// read only if they are printed. Cut means that Command is incomplete, because it is too long or
	// could not be read in time.
	UID     uint32 `json:"uid,omitempty"`
	Command string `json:"command,omitempty"`
	Cut     bool   `json:"cut,omitempty"`
}

// Command formats a command for output: the command line, or the name in brackets as in ps(1).
// cmdline is the content of /proc/PID/cmdline, in which each word ends with a NUL.
func Command(name, cmdline string) string {
	if words := strings.TrimRight(cmdline, "\x00"); words != "" {
		return strings.ReplaceAll(words, "\x00", " ")
	}
	return "[" + name + "]"
}

// Container is a container that was found.
type Container struct {
	ID string `json:"id"`
	// First is the pid of its first process, and Group that process's group.
	First int `json:"first"`
	Group int `json:"group"`
	// Cgroup is ID if the cgroup paths of the first process contain it, else "".
	Cgroup string `json:"cgroup,omitempty"`
	// Shim is the pid of the container's shim, Engine the shim's group, and Bundle the container's
	// bundle directory.
	Shim   int    `json:"shim"`
	Engine int    `json:"engine"`
	Bundle string `json:"bundle"`
	// Mounts are those that docker nsjoin mount has made in it.
	Mounts []Mount `json:"mounts,omitempty"`
}

// Mount is a mount that docker nsjoin mount has made. Its text is not escaped for printing.
type Mount struct {
	Target  string `json:"target"`
	Source  string `json:"source"`
	Options string `json:"options"` // as for docker run -v
	By      string `json:"by"`      // who asked, as the client said
	Time    int64  `json:"time"`    // in seconds since 1970
}

// Holder keeps a namespace alive: a mount of its file, or an open descriptor.
type Holder struct {
	Kind  ns.Kind `json:"kind"`
	Inode uint64  `json:"inode"`
	// PID is a process that sees the mount or has the descriptor.
	PID int `json:"pid"`
	// Path is the mount point, at most MaxPath bytes of it; "" for a descriptor, FD.
	Path string `json:"path,omitempty"`
	FD   int    `json:"fd,omitempty"`
	// More is the number of further holders of the namespace that are not listed.
	More int `json:"more,omitempty"`
}

// Own returns the kinds that the container shares neither with the host nor with its engine.
func (s *Survey) Own(c *Container) ns.Set {
	nodes := &s.Groups[c.Group].Namespaces
	return ns.All() &^ (nodes.Shared(&s.Groups[0].Namespaces) | nodes.Shared(&s.Groups[c.Engine].Namespaces))
}
