package plan

import (
	"cmp"
	"errors"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/nsjoin/docker-nsjoin/pkg/audit"
	"github.com/nsjoin/docker-nsjoin/pkg/exit"
	"github.com/nsjoin/docker-nsjoin/pkg/ns"
	"github.com/nsjoin/docker-nsjoin/pkg/request"
)

// MountFacts are what a request.Mount depends on. All of them are read through descriptors that the executor uses.
type MountFacts struct {
	// Source is nil for a tmpfs, and for what needs no source. Its process has the mount namespace that it is in.
	Source  *MountPoint
	Process Process
	Target  MountPoint
	// UID and GID are the IDs on the host of the root of the container's user namespace. Mapped means that this is not
	// the helper's.
	UID, GID uint32
	Mapped   bool
	// Users are the processes that use the mount to be detached, and More that there are more of them.
	Users []MountUser
	More  bool
}

// MountPoint is a file or directory.
type MountPoint struct {
	Path string // without symbolic links
	// Missing are the names of the directories, and of the file, that do not exist beneath Path.
	Missing []string
	Dir     bool
	Root    bool // the root directory of its mount namespace
	Empty   bool // an empty directory; read only for a volume
	UID     uint32
	// Mount is the number of the mount that it is on, in mountinfo. Types are those of its file system and of the file
	// systems that it is mounted on, up to the root's. Shared means that mounts on it propagate to its peers.
	Mount  int
	Types  []string
	Shared bool
	Slave  bool // what is mounted on its master propagates to it
}

// MountUser is a process that uses a mount.
type MountUser struct {
	PID  int
	Name string
	How  string // "working directory", "open file" …
}

// Mounting is a mount into a running container, or its end.
type Mounting struct {
	Action request.MountAction `json:"action"`
	Type   request.MountType   `json:"type,omitempty"`
	From   string              `json:"from,omitempty"` // whose Source is
	Source string              `json:"source,omitempty"`
	Volume string              `json:"volume,omitempty"`
	Target string              `json:"target"`
	Dir    bool                `json:"dir"`
	// Flags are those of the mount, Clear those of the source that it does not have.
	Flags []string `json:"flags"`
	Clear []string `json:"-"`
	// Options are those of a new file system.
	Options [][2]string `json:"options,omitempty"`
	// Single means that mounts beneath the source do not come along. Slave means that later ones do, else it is
	// private.
	Single bool `json:"single,omitempty"`
	Slave  bool `json:"slave,omitempty"`
	MapIDs bool `json:"mapIDs,omitempty"`
	// Make are the directories to make, outermost first, and the file at the end if not Dir. They belong to Owner.
	Make  []string  `json:"make,omitempty"`
	Owner [2]uint32 `json:"owner"`
	// Parent is the mount that the new one must be attached to, in mountinfo.
	Parent int `json:"-"`
}

// kernelFiles are the types of file systems whose files are the kernel's. A mount over one would hide what the runtime
// protects, or what programs in the container rely on to be the kernel's (CVE-2019-16884, CVE-2023-27561), and a
// container may have masked some of them.
var kernelFiles = [...]string{
	"autofs", "binfmt_misc", "bpf", "cgroup", "cgroup2", "configfs", "debugfs", "devpts", "efivarfs", "fusectl", "mqueue",
	"nsfs", "proc", "pstore", "resctrl", "securityfs", "selinuxfs", "smackfs", "sysfs", "tracefs",
}

// kernels returns the type of the file system of the kernel's that the file is in; "" for none. What the runtime mounts
// in such a file system to hide files counts as part of it.
func (t MountPoint) kernels() string {
	for _, kind := range t.Types {
		if slices.Contains(kernelFiles[:], kind) {
			return kind
		}
	}
	return ""
}

// NewMount makes the plan for the Mount of r. It returns an error, which names the cause, if the mount could show
// something that was not asked for, or appear at another place.
func NewMount(r *request.Request, o *Observed) (*Plan, error) {
	p := &Plan{Target: r.Base.String(), Via: r.Via, Remote: r.Call != "", Audit: audit.Decide(r.Audit.Settings, o.Audit)}
	target := o.source(r, ns.Mnt)
	if target.Namespaces[ns.Mnt] == o.host().Namespaces[ns.Mnt] {
		return nil, fmt.Errorf("mount in %s: its mounts are the host's", r.Base.Quoted())
	}
	p.Namespaces = []Namespace{{
		Kind: ns.Mnt, Source: r.Base.String(), PID: target.PID, ID: target.Namespaces[ns.Mnt],
		Join: target.Namespaces[ns.Mnt] != o.Self.Namespaces[ns.Mnt],
	}}
	p.Identity.Who = HostRoot
	q, f := r.Mount, o.Mount
	m := &Mounting{Action: q.Action, Type: q.Type, Target: f.Target.full(), Volume: q.Volume, Flags: []string{}}
	p.Mounting = m
	if q.Action == request.MountDetach {
		if err := detachable(r, f); err != nil {
			return nil, err
		}
		p.Command.Args = []string{string(q.Action), m.Target} // for the audit record
		p.Steps = append(joins(p.Namespaces), Step{Op: OpDetach})
		return p, nil
	}
	m.Parent, m.Owner, m.Single, m.Slave, m.MapIDs = f.Target.Mount, [2]uint32{f.UID, f.GID}, q.Single, q.Slave, q.MapIDs
	if q.From != nil {
		m.From = q.From.Name
	}
	var err error
	if q.Type == request.MountTmpfs {
		m.Dir = true
		m.Flags, m.Options, err = tmpfsOptions(q.Options, f)
	} else {
		err = m.source(q, f)
	}
	if err == nil {
		err = m.target(q, f)
	}
	if err != nil {
		return nil, fmt.Errorf("mount in %s: %w", r.Base.Quoted(), err)
	}
	p.Command.Args = []string{string(q.Action), m.what(), m.Target} // for the audit record
	p.Warnings = m.warnings(f)
	p.Steps = m.steps(p.Namespaces, q, o)
	return p, nil
}

// steps returns the steps of the child. All that can fail without trace comes before the mount is attached.
func (m *Mounting) steps(container []Namespace, q *request.Mount, o *Observed) []Step {
	var list []Step
	if q.Type == request.MountTmpfs {
		list = append(list, Step{Op: OpTmpfs})
	} else {
		from := o.Mount.Process
		if id := from.Namespaces[ns.Mnt]; id != o.Self.Namespaces[ns.Mnt] {
			list = append(list, Step{Op: OpJoin, Kinds: ns.SetOf(ns.Mnt), From: cmp.Or(m.From, "host"), PID: from.PID})
			container[0].Join = container[0].ID != id
		}
		list = append(list, Step{Op: OpClone})
	}
	list = append(list, Step{Op: OpMountFlags}, Step{Op: OpRecord})
	list = append(list, joins(container)...)
	return append(list, Step{Op: OpAttach}, Step{Op: OpCheck})
}

// source decides what is mounted.
func (m *Mounting) source(q *request.Mount, f *MountFacts) error {
	s := f.Source
	m.Source, m.Dir = s.Path, s.Dir
	if q.ReadOnly {
		m.Flags = append(m.Flags, "ro")
	}
	if q.From == nil {
		return m.hostSource(q, f)
	}
	// The other container's root has made what is mounted there.
	m.Flags = append(m.Flags, "nosuid", "nodev")
	switch {
	case s.Root:
		return exit.Hint(fmt.Errorf("%s of %q is its root directory: what is mounted beneath it would come along, its /proc and /sys too", s.Path, m.From),
			"name a directory in it")
	case s.kernels() != "":
		return fmt.Errorf("%s of %q is in a %s, whose files are the kernel's", s.Path, m.From, s.kernels())
	case q.Single:
		return fmt.Errorf("%s of %q: mounts beneath it may hide files, so they always come along", s.Path, m.From)
	case q.Slave:
		return fmt.Errorf("rslave: later mounts of %q cannot be passed on", m.From)
	case q.MapIDs:
		return errors.New("--idmap: only files of the host have IDs to map")
	}
	return nil
}

// hostSource decides about a source on the host.
func (m *Mounting) hostSource(q *request.Mount, f *MountFacts) error {
	switch {
	case q.Type == request.MountVolume && !q.NoCopy && f.Source.Empty && f.Target.Dir && !f.Target.Empty && len(f.Target.Missing) == 0:
		return exit.Hint(fmt.Errorf("volume %q is empty, and %s is not: docker run would copy the files", q.Volume, m.Target),
			"add :nocopy to hide them")
	case q.Slave && !f.Source.Shared && !f.Source.Slave:
		return fmt.Errorf("rslave: %s is on a private mount, which nothing propagates from", m.Source)
	case q.MapIDs && !f.Mapped:
		return errors.New("--idmap: the container has the host's user namespace, so there is nothing to map")
	case q.MapIDs && f.Source.UID == 0 && !q.Force:
		return exit.Hint(fmt.Errorf("--idmap: root owns %s, and the container's root could leave a set-user-ID file of root's there", m.Source),
			"name a directory of an ordinary user, or add --force")
	}
	return nil
}

// target checks where it is mounted.
func (m *Mounting) target(q *request.Mount, f *MountFacts) error {
	t := f.Target
	switch {
	case t.Root && len(t.Missing) == 0:
		return errors.New("cannot mount over /, the container's root directory")
	case t.kernels() != "":
		return fmt.Errorf("%s is in a %s, whose files are the kernel's: a mount there would hide them", m.Target, t.kernels())
	case t.Shared:
		return exit.Hint(fmt.Errorf("%s is on a shared mount: what is mounted there appears on the host, or in other containers, too", m.Target),
			"mount it on the host: it then appears in the container")
	case len(t.Missing) > 0 && !q.Mkdir:
		return exit.Hint(fmt.Errorf("%s does not exist in the container", m.Target), "--mkdir makes it, and umount removes it again if it is empty")
	case len(t.Missing) > maxMade:
		return fmt.Errorf("%s: more than %d directories would have to be made", m.Target, maxMade)
	case len(t.Missing) > 0:
		at := t.Path
		for _, name := range t.Missing {
			if !isFileName(name) {
				return fmt.Errorf("%q is not the name of a directory", name)
			}
			at = path.Join(at, name)
			m.Make = append(m.Make, at)
		}
	case t.Dir && !m.Dir:
		return fmt.Errorf("%s is a directory of the container, and %s is a file", m.Target, m.Source)
	case !t.Dir && m.Dir:
		return fmt.Errorf("%s is a file of the container, and %s is a directory", m.Target, cmp.Or(m.Source, "a tmpfs"))
	}
	return nil
}

// maxMade limits the directories that are made for a mount.
const maxMade = 32

// full returns the whole path.
func (t MountPoint) full() string { return path.Join(append([]string{t.Path}, t.Missing...)...) }

// engineSockets are where engines listen. Who can write to one is root on the engine's host.
var engineSockets = [...]string{
	"/run/docker.sock", "/run/containerd/containerd.sock", "/run/podman/podman.sock", "/run/crio/crio.sock",
}

// warnings says what the container gets with the mount.
func (m *Mounting) warnings(f *MountFacts) []string {
	if f.Source == nil || m.From != "" {
		return nil
	}
	writes := "read and write"
	if slices.Contains(m.Flags, "ro") {
		writes = "read"
	}
	switch {
	case f.Source.Root:
		return []string{fmt.Sprintf("the container's root can now %s all files of the host", writes)}
	case f.Source.kernels() != "":
		return []string{fmt.Sprintf("%s of the host controls the host's kernel: the container's root can become root of the host with it", m.Source)}
	}
	for _, socket := range engineSockets {
		// A read-only mount does not keep a client from connecting.
		if m.Source == socket || strings.HasPrefix(socket, m.Source+"/") || path.Base(m.Source) == "docker.sock" {
			return []string{fmt.Sprintf("%s leads to an engine's socket: the container's root can become root of the host with it", m.Source)}
		}
	}
	return nil
}

// tmpfsOptions sorts the options of a tmpfs into flags of the mount and parameters of the file system, and adds those
// that docker run has without options.
func tmpfsOptions(given []string, f *MountFacts) (flags []string, parameters [][2]string, err error) {
	flags = []string{"nosuid", "nodev", "noexec"}
	set := map[string]string{"mode": "1777", "uid": strconv.FormatUint(uint64(f.UID), 10), "gid": strconv.FormatUint(uint64(f.GID), 10)}
	for _, option := range given {
		name, value, hasValue := strings.Cut(option, "=")
		_, isParameter := tmpfsParameters[name]
		positive := map[string]string{"suid": "nosuid", "dev": "nodev", "exec": "noexec", "rw": "ro"}[name]
		switch {
		case hasValue && isParameter:
			set[name] = value
		case !hasValue && positive != "":
			flags = slices.DeleteFunc(flags, func(flag string) bool { return flag == positive })
		case !hasValue && slices.Contains([]string{"ro", "nosuid", "nodev", "noexec"}, name):
			if !slices.Contains(flags, name) {
				flags = append(flags, name)
			}
		default:
			return nil, nil, exit.Hint(fmt.Errorf("unknown option %q of a tmpfs", option),
				"rw, ro, exec, noexec, suid, nosuid, dev, nodev, size=, mode=, uid=, gid= and nr_inodes= are known")
		}
	}
	if f.Mapped && (set["uid"] != strconv.FormatUint(uint64(f.UID), 10) || set["gid"] != strconv.FormatUint(uint64(f.GID), 10)) {
		return nil, nil, errors.New("uid= and gid= of a tmpfs: the container has IDs of its own")
	}
	for _, name := range []string{"size", "mode", "uid", "gid", "nr_inodes"} {
		if value, ok := set[name]; ok {
			parameters = append(parameters, [2]string{name, value})
		}
	}
	return flags, parameters, nil
}

var tmpfsParameters = map[string]bool{"size": true, "mode": true, "uid": true, "gid": true, "nr_inodes": true}

// detachable refuses a mount that processes use.
func detachable(r *request.Request, f *MountFacts) error {
	if r.Mount.Lazy || len(f.Users) == 0 {
		return nil
	}
	var users []string
	for _, u := range f.Users {
		users = append(users, fmt.Sprintf("%d %s (%s)", u.PID, u.Name, u.How))
	}
	if f.More {
		users = append(users, "…")
	}
	return exit.Hint(fmt.Errorf("umount %s in %s: it is in use by %s", f.Target.full(), r.Base.Quoted(), strings.Join(users, ", ")),
		"end these processes, or add --lazy: it is then detached, and they keep what they have open")
}
