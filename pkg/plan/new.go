package plan

import (
	"cmp"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/nsjoin/docker-nsjoin/pkg/audit"
	"github.com/nsjoin/docker-nsjoin/pkg/exit"
	"github.com/nsjoin/docker-nsjoin/pkg/ns"
	"github.com/nsjoin/docker-nsjoin/pkg/request"
	"github.com/nsjoin/docker-nsjoin/pkg/seccomp"
)

// New decides what will be done. It refuses, with an error that names the cause
// and the base, where the command would get more rights than it should because
// something could not be read.
func New(r *request.Request, o *Observed) (*Plan, error) {
	rows, err := namespaces(r, o)
	if err != nil {
		return nil, err
	}
	p := &Plan{Target: r.Base.String(), Via: r.Via, Namespaces: rows, Detach: r.Detach, Remote: r.Client != nil}
	p.Audit = audit.Decide(r.Audit.Settings, o.Audit)
	if p.foreign(o) || p.Remote {
		if p.Streams, err = DecideStreams(r, o.Streams); err != nil {
			return nil, err
		}
		if p.Terminal && p.Input {
			p.DetachKeys = r.DetachKeys
		}
	}
	if p.foreign(o) {
		p.Identity, err = containerIdentity(r, o, p)
		if err != nil {
			return nil, fmt.Errorf("identity of %s: %w", r.Source(ns.Mnt).Quoted(), err)
		}
	} else {
		if r.User != "" {
			return nil, exit.Hint(fmt.Errorf("-u %s: the command is the caller, since it has the host's file system", r.User),
				"let it change its user: setpriv --reuid USER COMMAND")
		}
		p.Identity = Identity{
			Who:                 p.hosts(),
			Env:                 override(callerEnvironment(r.CallerEnv), r.Env),
			Dir:                 string(r.Dir),
			RootOfUserNamespace: p.Joined().Has(ns.User),
		}
	}
	p.Command, err = command(r, o.TargetProcess, &p.Identity)
	if err != nil {
		return nil, err
	}
	if err := p.orderFilter(o.TargetProcess); err != nil {
		return nil, err
	}
	p.Steps = steps(p, p.ownProc(r, o), o.ProcMounts)
	guarded, err := p.guard(r, o)
	if err != nil {
		return nil, err
	}
	last, err := p.guardLast(r.TrustContainer, o)
	if err != nil {
		return nil, err
	}
	p.Warnings = slices.Concat(p.Warnings, p.warnings(r, o), guarded, last)
	return p, nil
}

// hosts is who a command in the host's file system is.
func (p *Plan) hosts() Who {
	if p.Remote {
		return HostRoot
	}
	return Caller
}

// NeedsTargetProcess tells whether the command will run in another file system than
// the host's, so that an Observed needs a Subject.
func NeedsTargetProcess(host, source Process) bool {
	return host.Namespaces[ns.Mnt] != source.Namespaces[ns.Mnt]
}

func containerIdentity(r *request.Request, o *Observed, p *Plan) (Identity, error) {
	s := o.TargetProcess
	switch {
	case s == nil:
		return Identity{}, errors.New("not observed")
	case s.Frozen && !r.Inspect:
		return Identity{}, exit.Hint(errors.New("it is frozen, and a command in it would be"),
			"docker ps shows whether it is paused; docker unpause lets it go on")
	}
	joined := p.Joined()
	who := Identity{Who: Container, Dir: cmp.Or(string(r.Dir), s.Spec.Dir, "/"), DefaultDir: r.Dir == "", RootOfUserNamespace: joined.Has(ns.User)}
	if s.ContainerID == "" {
		who.Who = Bare
	}
	if !path.IsAbs(who.Dir) {
		return Identity{}, exit.Hint(fmt.Errorf("working directory %q: it is not absolute", who.Dir), "begin it with /")
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
		HostUID:         outside(s.UIDMap, s.Spec.UID),
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
			"name user and group, as -u USER:GROUP: /etc/group is not searched for the user then")
	}
	if !slices.Equal(s.Starter.CPUs, o.CPUs) {
		c.CPUs = s.Starter.CPUs
	}
	if joined.Has(ns.User) && o.SetgroupsDenied {
		c.Groups, c.KeepGroups = nil, true // as the runtime; they are dropped before the join
	}
	if s.Spec.Umask != nil {
		c.Umask = *s.Spec.Umask
	}
	if s.Spec.OOMScoreAdj != nil {
		c.OOMScoreAdj = *s.Spec.OOMScoreAdj
	}
	if s.ContainerID != "" {
		// What a bare process ignores is its program's choice, not its starter's.
		c.IgnoredSignals = s.Starter.Ignored
		c.Keyring = "_ses." + s.ContainerID // the runtime's name for it
	}
	if c.Privileged = r.Privileged; c.Privileged {
		c.Capabilities = Capabilities{Bounding: o.Capabilities, Permitted: o.Capabilities, Effective: o.Capabilities}
	}
	kept, err := p.undo(o, c)
	if err != nil {
		return Identity{}, err
	}
	p.Warnings = append(p.Warnings, kept...)
	for _, f := range filters {
		c.Seccomp = append(c.Seccomp, FilterInfo{Instructions: len(f.Program), Flags: f.Flags, Compiled: f.Compiled})
	}
	who.Container = c
	spec := s.Spec
	if s.ContainerID == "" {
		spec.Env = ofProcess(spec.Env)
	}
	who.Env = dedup(override(environment(spec, s.ConfigEnv, terminalEnv(r, o, p)), r.Env))
	if home, _ := lookup(who.Env, "HOME"); home == "" {
		if s.AccountErr != nil {
			return Identity{}, s.AccountErr
		}
		who.Env = dedup(append(who.Env, "HOME="+s.Account.Home))
	}
	return who, nil
}

// engineProfile is the profile of Docker's own, which its engine loads: it does so before
// each docker exec, and before it knows whether there is such a command.
const engineProfile = "docker-default"

// noProfile is the error of an AppArmor profile that was removed from the kernel. What it
// confined is unconfined from then on; a command that isn't there yet is refused.
func noProfile(r *request.Request, profile string) error {
	err := fmt.Errorf("label %s: AppArmor has no such profile, it was removed", QuoteArg(profile))
	if c := r.Source(ns.Mnt).Container; c != nil && profile == engineProfile {
		return exit.Hint(err, "docker exec %s true has the engine load it again", r.Source(ns.Mnt).Name)
	}
	return exit.Hint(err, "load it again: apparmor_parser -r FILE")
}

// unique keeps each group once, as the runtime does: of --group-add and the
// user's own a group may be in both. A container's /etc/group can list a user in
// hundreds of thousands, so it takes linear time.
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

// maxGroups is how many supplementary groups a process can have: NGROUPS_MAX of
// include/uapi/linux/limits.h, setgroups(2).
const maxGroups = 65536

// filters are the container's, all of them, with --privileged too, as docker exec has it. Who
// may not copy them has the one that the runtime would make. The command never runs without
// one because it could not be had.
func filters(s *TargetProcess) ([]Filter, error) {
	list, err := foundFilters(s)
	for _, f := range list {
		if seccomp.Notifies(f.Program) {
			// Its listener is told by a descriptor that the runtime sends it, once for each
			// process that it starts. Without that, the calls fail as if the kernel had none such.
			return nil, exit.Hint(errors.New("its seccomp profile has an agent decide calls (SCMP_ACT_NOTIFY), which docker nsjoin does not serve"),
				"docker exec does; the host's own programs can use its network: --only net")
		}
	}
	return list, err
}

func foundFilters(s *TargetProcess) ([]Filter, error) {
	switch {
	case s.FiltersDenied && s.Profile != nil:
		program, err := s.Profile.Compile()
		if err != nil {
			return nil, fmt.Errorf("make seccomp filter: %w", err)
		}
		return []Filter{{Program: program, Flags: s.Profile.LoadFlags(), Compiled: true}}, nil
	case s.FiltersErr != nil:
		return nil, fmt.Errorf("copy seccomp filter: %w", s.FiltersErr)
	case s.Spec.Seccomp && len(s.Filters) == 0:
		return nil, errors.New("its seccomp filter was not found")
	}
	return s.Filters, nil
}

// outside maps a uid out of a user namespace; -1 where it is not mapped.
func outside(ranges []IDRange, id uint32) int64 {
	for _, r := range ranges {
		if id >= r.Inside && id-r.Inside < r.Count {
			return int64(r.Outside) + int64(id-r.Inside)
		}
	}
	return -1
}

// command decides what is executed: what was asked for, or the login shell.
func command(r *request.Request, s *TargetProcess, who *Identity) (Command, error) {
	c := Command{Args: r.Command, NotFoundHint: r.NotFoundHint}
	if len(c.Args) == 0 {
		shell, err := loginShell(s, who)
		if err != nil {
			return Command{}, err
		}
		c.Args = []string{shell}
	}
	if c.Args[0] == "" {
		return Command{}, exit.WithStatus(exit.NotFound, errors.New("the command is empty"))
	}
	c.Search = !strings.Contains(c.Args[0], "/")
	c.Paths = []string{c.Args[0]}
	if c.Search {
		c.Paths = search(c.Args[0], who.Env)
	}
	return c, nil
}

// loginShell is the shell of the user's passwd line if it is there, else sh.
// The caller's own is the one that he uses, $SHELL.
func loginShell(s *TargetProcess, who *Identity) (string, error) {
	if who.Container == nil {
		if shell, ok := lookup(who.Env, "SHELL"); ok && path.IsAbs(shell) {
			return shell, nil
		}
		return "sh", nil
	}
	if s.AccountErr != nil {
		return "", exit.Hint(fmt.Errorf("login shell: %w", s.AccountErr), "name a command, such as sh")
	}
	if s.Account.ShellExists {
		return s.Account.Shell, nil
	}
	return "sh", nil
}

// search lists the files that a command's name can mean, one in each absolute
// directory of PATH. A relative directory is not looked in, as Go's
// exec.LookPath, which the runtime uses, refuses what it finds there.
func search(name string, env []string) []string {
	dirs, _ := lookup(env, "PATH")
	var files []string
	for dir := range strings.SplitSeq(dirs, ":") {
		if path.IsAbs(dir) {
			files = append(files, path.Join(dir, name))
		}
	}
	return files
}
