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

// firstUser is the first ID of an ordinary user or group: UID_MIN and GID_MIN in login.defs(5). Those below have rights by
// their number, such as the groups disk and shadow.
const firstUser = 1000

// privileged says who owns s if a program with the rights of its owner or group would have more than an ordinary user's, and
// what to do; "" for such a user and the group that each of that user's processes has.
func (s *MountPoint) privileged() (whose, hint string) {
	hint = "name a directory of an ordinary user and that user's primary group, or add --force"
	switch {
	case s.UID == 0 || s.GID == 0:
		return "root owns " + s.Path, hint
	case s.UID < firstUser:
		return fmt.Sprintf("a user of the system owns %s (%d:%d)", s.Path, s.UID, s.GID), hint
	case s.GID < firstUser:
		return fmt.Sprintf("the group of %s (%d) is one of the system's, as it is below %d", s.Path, s.GID, firstUser),
			"add --force if that group has no rights on this host (such as users, 100), or give the directory another group"
	case s.OfEngine:
		return fmt.Sprintf("the owner or group of %s (%d:%d) has an engine's socket", s.Path, s.UID, s.GID), hint
	case !s.OwnGroup:
		return fmt.Sprintf("the group of %s (%d) is not the primary one of its owner (%d) in the host's /etc/passwd", s.Path, s.GID, s.UID),
			"add --force if it is that in another place (LDAP), or if that group has no rights on this host"
	}
	return "", ""
}

// hostSource decides about a source on the host.
func (m *Mounting) hostSource(q *request.Mount, f *MountFacts) error {
	switch {
	case q.Slave && !f.Source.Shared && !f.Source.Slave:
		return fmt.Errorf("rslave: %s is on a private mount, which nothing propagates from", m.Source)
	case q.MapIDs && !f.Mapped:
		return errors.New("--idmap: the container has the host's user namespace, so there is nothing to map")
	}
	if q.MapIDs {
		if whose, hint := f.Source.privileged(); whose != "" && !q.Force {
			return exit.Hint(fmt.Errorf("--idmap: %s, and the container's root could leave a set-user-ID or set-group-ID file there", whose),
				"%s", hint)
		}
		m.mapIDs(f)
	}
	for _, l := range f.Links {
		if why := l.refused(); why != "" {
			return exit.Hint(fmt.Errorf("%s is a symbolic link to %s, and %s", l.Path, l.Target, why), "if you mean it, name what it leads to: %s", QuoteArg(m.Source))
		}
	}
	return nil
}

// systemDirs are the directories whose links are followed. A container that can make one there can as well replace the
// host's programs, its accounts or the engine's socket: it has the host's root already.
var systemDirs = []string{"/", "/etc", "/run", "/usr", "/var"}

// refused says why a link is not followed; "" if it is. Who has made a link cannot be known: a container may have done it
// that was removed since, or through a mount that is gone.
func (l MountLink) refused() string {
	const others = 0o002
	switch {
	case l.Dir.kernels() != "":
		return "it is the kernel's"
	case !slices.Contains(systemDirs, l.Dir.Path) || l.Dir.Mode&others != 0:
		return "a container may have made it"
	}
	return ""
}

// EngineSockets returns the paths where engines listen.
func EngineSockets() []string { return engineSockets[:] }
