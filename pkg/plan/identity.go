package plan

import (
	"cmp"
	"errors"
	"fmt"
	"path"
	"slices"

	"github.com/nsjoin/docker-nsjoin/pkg/exit"
	"github.com/nsjoin/docker-nsjoin/pkg/ns"
	"github.com/nsjoin/docker-nsjoin/pkg/request"
)

// hostIdentity returns whose identity a command in the host's file system has.
func (p *Plan) hostIdentity() Who {
	if p.Remote {
		return HostRoot
	}
	return Caller
}

// NeedsTargetProcess tells whether mnt, the process that the mount namespace comes from, has another
// one than the host. Then the command's identity changes and an Observed needs a TargetProcess.
func NeedsTargetProcess(host, mnt Process) bool {
	return host.Namespaces[ns.Mnt] != mnt.Namespaces[ns.Mnt]
}

// containerIdentity returns the identity that docker exec would give the command, from the facts about
// the target process.
func (p *Plan) containerIdentity(r *request.Request, o *Observed) (Identity, error) {
	s := o.TargetProcess
	switch {
	case s == nil:
		return Identity{}, errors.New("the process was not observed")
	case s.Frozen && !r.Inspect:
		return Identity{}, exit.Hint(errors.New("it is frozen, and so would be a command in it"), "%s", FrozenHint)
	}
	joined := p.Joined()
	id := Identity{Who: Container, Dir: cmp.Or(string(r.Dir), s.Spec.Dir, "/"), DefaultDir: r.Dir == "", RootOfUserNamespace: joined.Has(ns.User)}
	if s.ContainerID == "" {
		id.Who = Bare
	}
	if !path.IsAbs(id.Dir) {
		return Identity{}, exit.Hint(fmt.Errorf("working directory %q: it is not an absolute path", id.Dir), "name a directory that begins with /, such as -w /")
	}
	filters, err := filters(s)
	if err != nil {
		return Identity{}, err
	}
	if s.NoProfile {
		return Identity{}, noProfile(r, s.Profiled(o.AppArmor))
	}
	c := &ContainerIdentity{
		UID:             s.Spec.UID,
		GID:             s.Spec.GID,
		Groups:          unique(s.Spec.Groups),
		HostUID:         hostID(s.UIDMap, s.Spec.UID),
		Umask:           s.Starter.Umask,
		Capabilities:    s.Spec.Capabilities,
		NoNewPrivileges: s.Spec.NoNewPrivileges,
		Limits:          MergeLimits(s.Starter.Limits, s.Spec.Limits),
		OOMScoreAdj:     s.Starter.OOMScoreAdj,
		Attributes:      s.Starter.Attributes,
		AppArmor:        s.Profiled(o.AppArmor),
		SELinux:         s.Spec.SELinux,
		Filters:         filters,
		Cgroups:         s.Cgroups,
	}
	if len(c.Groups) > maxGroups {
		// docker exec fails here too: setgroups(2) returns EINVAL.
		return Identity{}, exit.Hint(fmt.Errorf("its /etc/group puts the user in %d groups, and the kernel allows %d", len(c.Groups), maxGroups),
			"name the group as well, -u USER:GROUP: then /etc/group is not searched for the user")
	}
	if !slices.Equal(s.Starter.CPUs, o.CPUs) {
		c.CPUs = s.Starter.CPUs
	}
	if joined.Has(ns.User) && o.SetgroupsDenied {
		c.Groups, c.KeepGroups = nil, true // like the runtime; they are dropped before the join
	}
	if s.Spec.Umask != nil {
		c.Umask = *s.Spec.Umask
	}
	if s.Spec.OOMScoreAdj != nil {
		c.OOMScoreAdj = *s.Spec.OOMScoreAdj
	}
	if s.ContainerID != "" {
		// The signals that a process of pid:N ignores are its program's choice, not its starter's.
		c.IgnoredSignals = s.Starter.Ignored
		c.Keyring = "_ses." + s.ContainerID // named as by the runtime
	}
	if c.Privileged = r.Privileged; c.Privileged {
		c.Capabilities = Capabilities{Bounding: o.Capabilities, Permitted: o.Capabilities, Effective: o.Capabilities}
	}
	warnings, err := p.undo(o, c)
	if err != nil {
		return Identity{}, err
	}
	p.Warnings = append(p.Warnings, warnings...)
	for _, f := range filters {
		c.Seccomp = append(c.Seccomp, FilterInfo{Instructions: len(f.Program), Flags: f.Flags, Compiled: f.Compiled})
	}
	id.Container = c
	spec := s.Spec
	if s.ContainerID == "" {
		spec.Env = processEnv(spec.Env)
	}
	id.Env = dedup(override(environment(spec, s.ConfigEnv, terminalEnv(r, o, p)), r.Env))
	if home, _ := lookup(id.Env, "HOME"); home == "" {
		if s.AccountErr != nil {
			return Identity{}, s.AccountErr
		}
		id.Env = dedup(append(id.Env, "HOME="+s.Account.Home))
	}
	return id, nil
}

// FrozenHint is the hint if a container is frozen.
const FrozenHint = "docker ps shows whether it is paused; docker unpause resumes it"

// engineProfile is Docker's default AppArmor profile. The engine loads it before each docker exec,
// even if the command is not found.
const engineProfile = "docker-default"

// noProfile returns the error for an AppArmor profile that was removed from the kernel. Processes
// that it confined are unconfined from then on, so a new command is refused.
func noProfile(r *request.Request, profile string) error {
	err := fmt.Errorf("label %s: the AppArmor profile is not loaded; it was removed", QuoteArg(profile))
	if c := r.Source(ns.Mnt).Container; c != nil && profile == engineProfile {
		return exit.Hint(err, "docker exec %s true makes the engine load it again", r.Source(ns.Mnt).Name)
	}
	return exit.Hint(err, "load it again: apparmor_parser -r FILE")
}

// unique keeps each group once, like the runtime: a group of the user may also be in --group-add.
// It takes linear time, since a container's /etc/group can list a user in hundreds of thousands
// of groups.
func unique(groups []uint32) []uint32 {
	var kept []uint32
	seen := make(map[uint32]bool, min(len(groups), maxGroups))
	for _, g := range groups {
		if !seen[g] {
			seen[g] = true
			kept = append(kept, g)
		}
	}
	return kept
}

// maxGroups is the number of supplementary groups that a process can have: NGROUPS_MAX of
// include/uapi/linux/limits.h, setgroups(2).
const maxGroups = 65536

// hostID maps an id of a user namespace to the parent namespace; -1 if it is not mapped.
func hostID(ranges []IDRange, id uint32) int64 {
	for _, r := range ranges {
		if id >= r.Inside && id-r.Inside < r.Count {
			return int64(r.Outside) + int64(id-r.Inside)
		}
	}
	return -1
}
