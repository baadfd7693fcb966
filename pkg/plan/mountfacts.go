package plan

import (
	"errors"
	"path"
	"slices"
)

// MountFacts are what a request.Mount depends on. All of them are read through descriptors that the executor uses.
type MountFacts struct {
	// Source is nil for a tmpfs, and for what needs no source. Its process has the mount namespace that it is in.
	Source  *MountPoint
	Process Process
	Target  MountPoint
	// UIDs and GIDs map the IDs of the container's user namespace to the helper's. Mapped means that it is another one,
	// and Admin that a process in the container may have CAP_SYS_ADMIN in it.
	UIDs, GIDs []IDRange
	Mapped     bool
	Admin      bool
	// Users are the processes that use the mount to be detached, and More that there are more of them.
	Users []MountUser
	More  bool
	// Beneath are the paths of mounts beneath the one to be detached that did not come along with it.
	Beneath []string
	// Links are the symbolic links on the way to a source on the host.
	Links []MountLink
}

// MountLink is a symbolic link on the host.
type MountLink struct {
	Path, Target string
	Dir          MountPoint
}

// MountPoint is a file or directory.
type MountPoint struct {
	Path string // without symbolic links
	// Missing are the names of the directories, and of the file, that do not exist beneath Path.
	Missing []string
	Dir     bool
	Root    bool // the root directory of its mount namespace
	Empty   bool // an empty directory; read only for a volume
	// UID and GID are its owner and group, and Mode its permission bits with the set-ID bits and the sticky bit.
	UID, GID, Mode uint32
	// OwnGroup means that GID is the primary group of UID by the host's /etc/passwd, and OfEngine that one of the two has
	// an engine's socket; both are read only for IDs that are to be mapped.
	OwnGroup, OfEngine bool
	// Mount is the number of the mount that it is on, in mountinfo. Types are those of its file system and of the file
	// systems that it is mounted on, up to the root's. Shared means that mounts on it propagate to its peers.
	Mount  int
	Types  []string
	Shared bool
	Slave  bool // what is mounted on its master propagates to it
	// Device is that of its file system, and Within its path there, both as in mountinfo.
	Device, Within string
	// Beneath are the types of the file systems that are mounted beneath it, and OnHost the paths on the host of what it
	// and they show, as far as the host has them; only for a source.
	Beneath, OnHost []string
}

// outside maps an ID of a user namespace out of it.
func outside(ranges []IDRange, inside uint32) (uint32, bool) {
	for _, r := range ranges {
		if inside >= r.Inside && inside-r.Inside < r.Count {
			return r.Outside + (inside - r.Inside), true
		}
	}
	return 0, false
}

// RootIDs returns the IDs in the helper's user namespace of the root of the container's.
func (f *MountFacts) RootIDs() (owner [2]uint32, err error) {
	for n, ranges := range [2][]IDRange{f.UIDs, f.GIDs} {
		var ok bool
		if owner[n], ok = outside(ranges, 0); !ok {
			return owner, errors.New("the container's user namespace has no root")
		}
	}
	return owner, nil
}

// MountUser is a process that uses a mount.
type MountUser struct {
	PID  int
	Name string
	How  string // "working directory", "open file" …
}

// kernelFiles are the types of file systems whose files are the kernel's. A mount over one would hide what the runtime
// protects, or what programs in the container rely on to be the kernel's (CVE-2019-16884, CVE-2023-27561), and a
// container may have masked some of them. These are the names in mountinfo of what pseudo of package inroot knows by number.
var kernelFiles = [...]string{
	"apparmorfs", "autofs", "binder", "binfmt_misc", "bpf", "cgroup", "cgroup2", "configfs", "debugfs", "devpts", "efivarfs",
	"fusectl", "mqueue", "nfsd", "nsfs", "openpromfs", "proc", "pstore", "resctrl", "rpc_pipefs", "securityfs", "selinuxfs",
	"smackfs", "sysfs", "tracefs", "xenfs",
}

// kernels returns the type of the file system of the kernel's that the file is in; "" for none. What the runtime mounts
// in such a file system to hide files counts as part of it.
func (t MountPoint) kernels() string {
	for _, kind := range t.Types {
		if OfKernel(kind) {
			return kind
		}
	}
	return ""
}

// OfKernel reports whether the files of a file system of this type are the kernel's.
func OfKernel(kind string) bool { return slices.Contains(kernelFiles[:], kind) }

// full returns the whole path.
func (t MountPoint) full() string { return path.Join(append([]string{t.Path}, t.Missing...)...) }
