//go:build linux

package observe

import (
	"os"
	"slices"
	"strings"

	"github.com/nsjoin/docker-nsjoin/pkg/plan"
)

// shimInContainer reports whether a process that seems to be p's shim is itself in a container, or was made by one: it
// has p's mount namespace, has not the rights of a shim, or is in the wrong cgroups. A container that may write to its
// cgroups can make groups below its own with any names, another container's ID too. So an ID proves something only
// together with those in front of it. parent is the group that the engine was told to make p's below, or "".
func (p *Process) shimInContainer(shim *Process, id, parent string) (bool, error) {
	theirs, err := p.readlink("ns/mnt")
	if err != nil {
		return false, err
	}
	mounts, err := shim.readlink("ns/mnt")
	if err != nil || mounts == theirs {
		return err == nil, err
	}
	groups, err := p.readCgroups()
	if err != nil {
		return false, err
	}
	shims, err := shim.readCgroups()
	if err != nil {
		return false, err
	}
	for _, g := range groups {
		i := slices.IndexFunc(shims, func(s plan.Cgroup) bool { return s.Hierarchy == g.Hierarchy })
		if i >= 0 && !startsIn(shims[i].Path, g.Path, id, parent) || i < 0 && !startsIn("/", g.Path, id, parent) {
			return true, nil
		}
	}
	return shim.lacksRights(shims, capabilitiesOfRoot())
}

// startsIn reports whether a shim in one cgroup can have made group, for container id, in the same hierarchy: if IDs are
// in the name of group, id is among them, the shim is outside of the group of that name, and it is in the containers
// above, as an engine that runs in a container. The containers in parent may be above the group alone: the engine says that
// it made the group there, docker run --cgroup-parent.
func startsIn(shim, group, id, parent string) bool {
	named := containersInPath(group)
	i := slices.Index(named, id)
	if i < 0 {
		return len(named) == 0
	}
	own := containersInPath(shim)
	if above := containersInPath(parent); len(above) > 0 && slices.Equal(named[:i], slices.Concat(own, above)) {
		return true
	}
	return len(own) >= i && slices.Equal(named[:i], own[:i]) && (len(own) == i || own[i] != id)
}

// lacksRights reports whether a process cannot be a shim since it has not the rights to make containers: all
// capabilities of the machine's root if a container's ID is in its cgroups, as with an engine in a privileged container,
// else CAP_SYS_ADMIN, in both cases in the helper's user namespace. A rootless engine has its own user namespace, but is in the helper's pid
// namespace. A process of a container that makes a user namespace, and so has all capabilities there, is in neither.
func (p *Process) lacksRights(groups []plan.Cgroup, root plan.CapSet) (bool, error) {
	st, err := p.readStatus()
	if err != nil {
		return false, err
	}
	caps, err := capabilities(st)
	if err != nil {
		return false, err
	}
	self, err := openProcDir(os.Getpid())
	if err != nil {
		return false, err
	}
	defer self.dir.Close()
	same := func(kind string) (bool, error) {
		theirs, err := p.readlink("ns/" + kind)
		if err != nil {
			return false, err
		}
		ours, err := self.readlink("ns/" + kind)
		return theirs == ours, err
	}
	user, err := same("user")
	if err != nil {
		return false, err
	}
	pid, err := same("pid")
	if err != nil {
		return false, err
	}
	own, err := self.readCgroups()
	if err != nil {
		return false, err
	}
	for _, g := range groups {
		for _, id := range containersInPath(g.Path) {
			ofSelf := slices.ContainsFunc(own, func(o plan.Cgroup) bool { return slices.Contains(containersInPath(o.Path), id) })
			if !ofSelf && (!user || root&^caps.Permitted != 0) {
				return true, nil
			}
		}
	}
	return caps.Permitted&plan.CapSysAdmin == 0 || !user && !pid, nil
}

// containersInPath returns the full container IDs in the path of a cgroup, the outermost first. What is in libpod_parent and
// has an ID alone as its name is a pod of Podman, whose shims are elsewhere in some hierarchies; a container is libpod-ID there. The shim of a container of Podman's is in a scope
// with that container's ID, but not in the container.
func containersInPath(path string) (ids []string) {
	const digits = 64
	above := ""
	for group := range strings.SplitSeq(path, "/") {
		name := strings.TrimSuffix(group, ".scope")
		name = name[max(0, len(name)-digits):]
		if strings.HasPrefix(group, "libpod-conmon-") {
			name = ""
		}
		if len(name) == digits && strings.Trim(name, "0123456789abcdef") == "" && (above != "libpod_parent" || group != name) {
			ids = append(ids, name)
		}
		above = group
	}
	return ids
}
