// Package mounts has what a helper records and says about the mounts that docker nsjoin makes in containers. It does
// no I/O.
package mounts

import (
	"encoding/json"

	"github.com/nsjoin/docker-nsjoin/pkg/request"
)

// Record describes a mount that docker nsjoin has made. It is written before the mount is attached, and completed
// afterwards.
type Record struct {
	// Container is its full ID. PID and Start (field 22 of proc_pid_stat(5)) are its first process, and Namespace the
	// device and inode of its mount namespace: after a restart, all three differ.
	Container string    `json:"container"`
	PID       int       `json:"pid"`
	Start     uint64    `json:"start"`
	Namespace [2]uint64 `json:"namespace"`
	// Top is the number of the mount that the root directory of the mount namespace was on, or 0. A process whose mountinfo lacks
	// it does not see all mounts: it has called chroot(2), or has another mount namespace.
	Top int `json:"top,omitempty"`
	// ID is the mount's number in mountinfo, which the kernel uses again; 0 as long as only the mount point is made. Unique is the one that it does not
	// (STATX_MNT_ID_UNIQUE, Linux 6.8), or 0.
	ID     int    `json:"id"`
	Unique uint64 `json:"unique,omitempty"`
	// Device and Root are those of mountinfo. Root is "" until the mount was attached and verified; until then, Device is
	// "" for a new file system.
	Device string `json:"device,omitempty"`
	Root   string `json:"root,omitempty"`
	// Beneath are the numbers of the mounts that came along with it. There may be too many to record.
	Beneath []int `json:"beneath,omitempty"`
	TooMany bool  `json:"tooMany,omitempty"`

	Type    request.MountType `json:"type"`
	From    string            `json:"from,omitempty"` // the name of the container that Source is a path of
	Source  request.Word      `json:"source,omitempty"`
	Volume  string            `json:"volume,omitempty"`
	Target  request.Word      `json:"target"`
	Options []string          `json:"options"`
	// Made are the files and directories that were made for it, outermost first.
	Made []Made `json:"made,omitempty"`

	Time int64 `json:"time"` // in seconds since 1970
	// By is who asked, as the client says.
	By string `json:"by,omitempty"`
	// Keeper is the one of the request.Mount.
	Keeper string `json:"keeper,omitempty"`
	// Hidden means that the container's first process has another mount namespace by now: the mount cannot be reached through it.
	// It is set for an answer.
	Hidden bool `json:"hidden,omitempty"`
}

// What names what is mounted, for people.
func (r *Record) What() string {
	switch {
	case r.Volume != "":
		return "volume " + r.Volume
	case r.From != "":
		return r.From + ":" + string(r.Source)
	case r.Source == "":
		return "tmpfs"
	}
	return string(r.Source)
}

// HiddenText is said of a mount that the first process of its container does not see any more.
const HiddenText = "hidden from the first process"

// Mode returns its options as docker run -v has them, and whether it is hidden.
func (r *Record) Mode() string {
	text := "rw"
	for _, option := range r.Options {
		if option == "ro" {
			text = ""
		}
	}
	for _, option := range r.Options {
		if text != "" {
			text += ","
		}
		text += option
	}
	if r.Hidden {
		text += ", " + HiddenText
	}
	return text
}

// Made is a file or directory that was made as a mount point.
type Made struct {
	Path   request.Word `json:"path"` // in the container
	Device uint64       `json:"device,omitempty"`
	Inode  uint64       `json:"inode,omitempty"` // 0 until it was made
	Dir    bool         `json:"dir"`
}

// Answer is what a helper says about a request.Mount.
type Answer struct {
	// Done is the mount that was attached or detached.
	Done *Record `json:"done,omitempty"`
	// Mounts are those that the container has, oldest first.
	Mounts []*Record `json:"mounts"`
	// Warnings are for the user.
	Warnings []string `json:"warnings,omitempty"`
	// Plan is the plan, if that was asked for. Then nothing was done.
	Plan *Plan `json:"plan,omitempty"`
}

// Plan is what would be done, for --dry-run. Its JSON is a plan.Mounting, and steps of a plan.Plan.
type Plan struct {
	Target   string          `json:"target"`
	Via      string          `json:"via,omitempty"`
	Mount    json.RawMessage `json:"mount"`
	Steps    json.RawMessage `json:"steps"`
	Warnings []string        `json:"warnings,omitempty"`
	// Described are the steps for people.
	Described []string `json:"described,omitempty"`
}
