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

// NeedsTargetProcess reports whether mnt, the process that the mount namespace comes from, is in another
// mount namespace than the host. Then the command's identity changes and an Observed needs a TargetProcess.
func NeedsTargetProcess(host, mnt Process) bool {
	return host.Namespaces[ns.Mnt] != mnt.Namespaces[ns.Mnt]
}

// callerIdentity returns the identity of a command in the host's file system.
func (p *Plan) callerIdentity(r *request.Request) (Identity, error) {
	if r.User != "" {
		return Identity{}, exit.Hint(fmt.Errorf("-u %s: a command in the host's file system runs as the caller", r.User),
			"to change the user, run setpriv --reuid USER COMMAND")
	}
	return Identity{
		Who:                 p.hostIdentity(),
		Env:                 override(callerEnvironment(r.CallerEnv), r.Env),
		Dir:                 string(r.Dir),
		RootOfUserNamespace: p.Joined().Has(ns.User),
	}, nil
}

// containerIdentity returns the identity that docker exec would give the command, from the facts about
// the target process.
func (p *Plan) containerIdentity(r *request.Request, o *Observed) (Identity, error) {
	s := o.TargetProcess
	switch {
	case s == nil:
		return Identity{}, errors.New("the process was not observed")
	case s.Frozen && !r.Inspect && !r.Paused:
		return Identity{}, exit.Hint(errors.New("its cgroup is frozen, and the command would be frozen with it"), "%s", FrozenHint)
	}
	cgroups, err := p.besideFrozen(r, s)
	if err != nil {
		return Identity{}, err
	}
	joined := p.Joined()
	id := Identity{Who: Container, RootOfUserNamespace: joined.Has(ns.User)}
	if s.ContainerID == "" {
		id.Who = Bare
	}
	if id.Dir, id.DefaultDir, err = p.directory(r, s); err != nil {
		return Identity{}, err
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
		Cgroups:         cgroups,
	}
	if len(c.Groups) > maxGroups {
		// docker exec fails here too: setgroups(2) returns EINVAL.
		return Identity{}, exit.Hint(fmt.Errorf("its /etc/group puts the user in %d groups, and the kernel allows %d", len(c.Groups), maxGroups),
			"name the group as well, -u USER:GROUP: the user's groups in /etc/group are then ignored")
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
	if err := c.grant(r.Profile, o.Capabilities); err != nil {
		return Identity{}, err
	}
	warnings, err := p.undo(o, c)
	if err != nil {
		return Identity{}, err
	}
	p.Warnings = append(p.Warnings, warnings...)
	for _, f := range c.Filters {
		c.Seccomp = append(c.Seccomp, FilterInfo{Instructions: len(f.Program), Flags: f.Flags, Compiled: f.Compiled})
	}
	id.Container = c
	if r.Forward != nil {
		return id, nil
	}
	id.Env, err = p.containerEnvironment(r, o)
	id.Env = p.View.withTools(id.Env)
	return id, err
}

// directory returns the working directory of a command in a container. isDefault says that the caller named none.
func (p *Plan) directory(r *request.Request, s *TargetProcess) (dir string, isDefault bool, err error) {
	dir, isDefault = cmp.Or(string(r.Dir), s.Spec.Dir, "/"), r.Dir == ""
	if !path.IsAbs(dir) {
		return "", false, exit.Hint(fmt.Errorf("working directory %q: not an absolute path", dir), "name a directory that begins with /, such as -w /")
	}
	if r.Forward != nil {
		return "/", false, nil // paths of sockets are absolute
	}
	if p.View != nil && isDefault && r.Profile.Adds() && !r.TrustContainer && (p.View.Target != "" || len(p.View.Files) > 0) {
		return "/", true, nil // programs of an image obey files in their working directory, as git and make do
	}
	if p.View != nil && isDefault {
		dir = path.Join("/", p.View.Target, dir)
	}
	return dir, isDefault, nil
}

// containerEnvironment returns the environment of a command in a container.
func (p *Plan) containerEnvironment(r *request.Request, o *Observed) ([]string, error) {
	s, terminal := o.TargetProcess, terminalEnv(r, o, p)
	if r.Profile.Adds() {
		return cleanEnvironment(terminal, r.Env), nil
	}
	spec := s.Spec
	if s.ContainerID == "" {
		spec.Env = processEnv(spec.Env)
	}
	env := dedup(override(environment(spec, s.ConfigEnv, terminal), r.Env))
	if home, _ := lookup(env, "HOME"); home != "" {
		return env, nil
	}
	if s.AccountErr != nil {
		return nil, exit.Hint(s.AccountErr, "-e HOME=/ sets the home directory, so that /etc/passwd is not needed for it")
	}
	return dedup(append(env, "HOME="+s.Account.Home)), nil
}

// FrozenHint is the hint if a container is frozen.
const FrozenHint = "docker ps shows whether the container is paused; docker unpause resumes it"

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
