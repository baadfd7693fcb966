// Package survey holds what one pass over the processes of the engine's host
// found, and decides who shares what with whom, and who is a guest where. It is
// pure: package observe makes a Survey, the plugin prints what follows from it.
package survey

import "github.com/nsjoin/docker-nsjoin/pkg/ns"

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
	Unread int `json:"unread,omitempty"`
}

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

// Origin is the text of files in /proc/PID.
type Origin struct {
	Status  string `json:"status"`
	Cmdline string `json:"cmdline"`
	Cgroup  string `json:"cgroup"`
}

// Container is a container that was found.
type Container struct {
	ID string `json:"id"`
	// First is the number of its first process, Group of that one's group.
	First int `json:"first"`
	Group int `json:"group"`
	// Cgroup is the text of its /proc/PID/cgroup.
	Cgroup string `json:"cgroup"`
	// Shim is the process that started it, on behalf of the engine, Engine the
	// number of that one's group, and Bundle its directory.
	Shim   int    `json:"shim"`
	Engine int    `json:"engine"`
	Bundle string `json:"bundle"`
}

// Holder keeps a namespace: a mount of its file, or an open descriptor.
type Holder struct {
	// PID is a process that has the mount, or the descriptor.
	PID int `json:"pid"`
	// Mount is the mount's line in /proc/PID/mountinfo, Link the descriptor's link,
	// such as net:[4026531833], and FD its number.
	Mount string `json:"mount,omitempty"`
	Link  string `json:"link,omitempty"`
	FD    int    `json:"fd,omitempty"`
}

// Own are the kinds that the container doesn't have of its engine or of the host.
func (s *Survey) Own(c *Container) ns.Set {
	nodes := &s.Groups[c.Group].Namespaces
	return ns.All() &^ (nodes.Shared(&s.Groups[0].Namespaces) | nodes.Shared(&s.Groups[c.Engine].Namespaces))
}
