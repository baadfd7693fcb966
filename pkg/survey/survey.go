// Package survey holds what one pass over the processes of the engine's host
// found, and decides who shares what with whom, and who is a guest where. It is
// pure: package observe makes a Survey, the plugin prints what follows from it.
package survey

import (
	"strings"

	"github.com/nsjoin/docker-nsjoin/pkg/ns"
)

// Survey is what one pass over /proc found. It is no snapshot: who comes or goes
// meanwhile may be missing.
type Survey struct {
	// Boot is when the host was started, in milliseconds of Unix time.
	Boot int64 `json:"boot"`
	// Groups are all processes, by their namespaces. The first is the group of
	// the host's own, which are only counted.
	Groups []Group `json:"groups"`
	// Processes are those of the other groups, by number.
	Processes []Process `json:"processes"`
	// Containers are those that were found.
	Containers []Container `json:"containers"`
	// Held is what keeps namespaces besides the processes in them, if it was asked for.
	Held []Holder `json:"held,omitempty"`
	// Unread is how many processes could not be looked into.
	Unread  int     `json:"unread,omitempty"`
	Omitted Omitted `json:"omitted,omitzero"`
}

// Omitted counts what a survey leaves out because a bound was reached.
type Omitted struct {
	// Processes is how many have other namespaces than the host and were not looked at.
	Processes int `json:"processes,omitempty"`
	// Holders is how many processes have more mounts or descriptors than were looked at.
	Holders int `json:"holders,omitempty"`
	// Namespaces is how many of no container are not listed.
	Namespaces int `json:"namespaces,omitempty"`
}

// Bounds of a survey. A container decides how many processes and namespaces it has, how
// many descriptors and mounts they have, and what they are called.
const (
	// MaxProcesses is how many processes with other namespaces than the host are told
	// apart, MaxGroups how many groups they may be in.
	MaxProcesses = 1 << 17
	MaxGroups    = 1 << 14
	// MaxGuests is how many guests of a container are listed, the oldest.
	MaxGuests = 50
	// MaxCommand bounds a command line, and MaxPath the path of a mount, in bytes.
	MaxCommand = 1024
	MaxPath    = 256
	// MaxHeld is how many holders are told apart, and MaxHolders how many of a namespace.
	MaxHeld    = 1 << 13
	MaxHolders = 4
	// maxUnowned is how many namespaces of no container are listed of each kind, the oldest.
	maxUnowned = 128
)

// Group is the processes that have the same eight namespaces.
type Group struct {
	Namespaces Inodes `json:"namespaces"`
	Count      int    `json:"count"`
}

// Inodes are the namespaces of a process, by kind: the inode numbers in its links
// in /proc/PID/ns; 0 for a kind that the kernel doesn't have.
type Inodes [8]uint64

// Shared are the kinds that both have the same of.
func (a *Inodes) Shared(b *Inodes) ns.Set {
	var s ns.Set
	for k := range a {
		if a[k] != 0 && a[k] == b[k] {
			s |= 1 << k
		}
	}
	return s
}

// Process is a process that has other namespaces than the host.
type Process struct {
	PID    int `json:"pid"`
	Parent int `json:"parent"`
	Group  int `json:"group"` // the number of its group
	// Start is when it was started, in hundredths of a second after Boot.
	Start uint64 `json:"start"`
	// Origin tells where it is from, if it has a namespace of a container's and
	// its parent is in other namespaces.
	Origin *Origin `json:"origin,omitempty"`
}

// Origin is where a process is from, and what it is.
type Origin struct {
	// Cgroup is the ID of the container that the process's cgroups name, or "".
	Cgroup string `json:"cgroup,omitempty"`
	// UID is the effective one, on the host, and Command the command line, or the name in
	// brackets. Both are read only where they are printed. Cut says that the command line
	// is longer, or could not be read in time.
	UID     uint32 `json:"uid,omitempty"`
	Command string `json:"command,omitempty"`
	Cut     bool   `json:"cut,omitempty"`
}

// Command is how a process is shown: its command line, or its name in brackets as ps(1)
// has it. The words of a command line in /proc/PID/cmdline end with a NUL each.
func Command(name, cmdline string) string {
	if words := strings.TrimRight(cmdline, "\x00"); words != "" {
		return strings.ReplaceAll(words, "\x00", " ")
	}
	return "[" + name + "]"
}

// Container is a container that was found.
type Container struct {
	ID string `json:"id"`
	// First is the number of its first process, Group of that one's group.
	First int `json:"first"`
	Group int `json:"group"`
	// Cgroup is the ID of the container that its cgroups name, its own, or "".
	Cgroup string `json:"cgroup,omitempty"`
	// Shim is the process that started it, on behalf of the engine, Engine the
	// number of that one's group, and Bundle its directory.
	Shim   int    `json:"shim"`
	Engine int    `json:"engine"`
	Bundle string `json:"bundle"`
}

// Holder keeps a namespace: a mount of its file, or an open descriptor.
type Holder struct {
	Kind  ns.Kind `json:"kind"`
	Inode uint64  `json:"inode"`
	// PID is a process that has the mount, or the descriptor.
	PID int `json:"pid"`
	// Path is where the mount is, its beginning if it is long; "" for the descriptor FD.
	Path string `json:"path,omitempty"`
	FD   int    `json:"fd,omitempty"`
	// More is how many holders of the same namespace follow that are not listed.
	More int `json:"more,omitempty"`
}

// Own are the kinds that the container doesn't have of its engine or of the host.
func (s *Survey) Own(c *Container) ns.Set {
	nodes := &s.Groups[c.Group].Namespaces
	return ns.All() &^ (nodes.Shared(&s.Groups[0].Namespaces) | nodes.Shared(&s.Groups[c.Engine].Namespaces))
}
