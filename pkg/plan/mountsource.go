package plan

import (
	"errors"
	"fmt"
	"slices"

	"github.com/nsjoin/docker-nsjoin/pkg/exit"
	"github.com/nsjoin/docker-nsjoin/pkg/request"
)

// holder names the container that a volume is taken from.
func (m *Mounting) holder() string {
	if m.Volume == "" {
		return ""
	}
	return "the container that holds volume " + m.Volume
}

// source decides what is mounted.
func (m *Mounting) source(q *request.Mount, f *MountFacts) error {
	s := f.Source
	m.Source, m.Dir, m.Device = s.Path, s.Dir, s.Device
	if len(s.Types) > 0 {
		m.FileSystem = s.Types[0]
	}
	if q.ReadOnly {
		m.Flags = append(m.Flags, "ro")
	}
	if q.Type == request.MountVolume {
		m.Source = ""
	}
	if err := m.lockable(q, f); err != nil {
		return err
	}
	switch {
	case q.Type == request.MountVolume:
		return m.volumeSource(q, f)
	case q.From == nil:
		return m.hostSource(q, f)
	}
	// The other container's root has made what is mounted there.
	m.Flags = append(m.Flags, "nosuid", "nodev")
	switch {
	case s.Root:
		return exit.Hint(fmt.Errorf("%s of %q is its root directory: what is mounted beneath it would come along, its /proc and /sys too", s.Path, m.From),
			"name a directory in it")
	case s.kernels() != "":
		return fmt.Errorf("%s of %q is on a %s file system, whose files are the kernel's", s.Path, m.From, s.kernels())
	case slices.ContainsFunc(s.Beneath, OfKernel):
		return exit.Hint(fmt.Errorf("beneath %s of %q there are files of the kernel's, which would come along", s.Path, m.From),
			"name a directory in it without such a mount")
	case q.Single:
		return fmt.Errorf("%s of %q: mounts beneath it may hide files, so they always come along", s.Path, m.From)
	case q.Slave:
		return fmt.Errorf("rslave: later mounts of %q cannot be passed on", m.From)
	case q.MapIDs:
		return errors.New("--idmap: only files of the host have IDs to map")
	}
	return nil
}

// volumeSource decides about a volume. docker run copies what the image has at the target into an empty volume, and
// gives it the owner of the directory there.
func (m *Mounting) volumeSource(q *request.Mount, f *MountFacts) error {
	copies := !q.NoCopy && f.Source.Empty && f.Target.Dir && len(f.Target.Missing) == 0
	switch t := f.Target; {
	case q.Slave:
		return errors.New("rslave: nothing is mounted in a volume later")
	case q.MapIDs:
		return errors.New("--idmap: a volume has the container's IDs already")
	case copies && !t.Empty:
		return exit.Hint(fmt.Errorf("volume %q is empty, and %s is not: docker run would copy the files", q.Volume, m.Target),
			"add :nocopy to hide them")
	case copies && (t.UID != f.Source.UID || t.GID != f.Source.GID || t.Mode != f.Source.Mode):
		m.Adopt = []uint32{t.UID, t.GID, t.Mode}
	}
	return nil
}

// lockable refuses what the container could change: the kernel locks the mounts that a user namespace is made with, as
// docker run does, but not one that is attached later. A volume may be a directory of the host, by the options of its driver.
func (m *Mounting) lockable(q *request.Mount, f *MountFacts) error {
	if !f.Mapped || !f.Admin || q.Force {
		return nil
	}
	return exit.Hint(fmt.Errorf("%s: a container with SYS_ADMIN and a user namespace of its own could make the mount writable, and uncover what mounts in it hide", m.What()),
		"--force mounts it nevertheless")
}

// mapIDs maps the owner of the source to the container's root, and nobody else: with all IDs of the container mapped, its
// root could leave a set-user-ID file there of each user of the host, root included.
func (m *Mounting) mapIDs(f *MountFacts) {
	m.Map = []IDRange{{Inside: f.Source.UID, Outside: m.Owner[0], Count: 1}, {Inside: f.Source.GID, Outside: m.Owner[1], Count: 1}}
}

// hostSource decides about a source on the host.
func (m *Mounting) hostSource(q *request.Mount, f *MountFacts) error {
	switch {
	case q.Slave && !f.Source.Shared && !f.Source.Slave:
		return fmt.Errorf("rslave: %s is on a private mount, which nothing propagates from", m.Source)
	case q.MapIDs && !f.Mapped:
		return errors.New("--idmap: the container has the host's user namespace, so there is nothing to map")
	case q.MapIDs && (f.Source.UID == 0 || f.Source.GID == 0) && !q.Force:
		return exit.Hint(fmt.Errorf("--idmap: root owns %s, and the container's root could leave a set-user-ID file of root's there, or one of its group", m.Source),
			"name a directory of an ordinary user, or add --force")
	}
	if q.MapIDs {
		m.mapIDs(f)
	}
	for _, l := range f.Links {
		if why := l.refused(q); why != "" {
			return exit.Hint(fmt.Errorf("%s is a symbolic link to %s, and %s", l.Path, l.Target, why), "if you mean it, name what it leads to: %s", QuoteArg(m.Source))
		}
	}
	return nil
}

// refused says why a link is not followed; "" if it is.
func (l MountLink) refused(q *request.Mount) string {
	const sticky, others = 0o1000, 0o002
	switch {
	case l.Dir.kernels() != "":
		return "it is the kernel's"
	case l.Writer != "":
		return l.Writer + " may have made it"
	case !q.FollowLinks:
		return "a container may have made it"
	case l.Dir.Mode&(sticky|others) == sticky|others && l.UID != 0 && l.UID != l.Dir.UID:
		return fmt.Sprintf("user %d has made it in a directory of all users", l.UID)
	}
	return ""
}
