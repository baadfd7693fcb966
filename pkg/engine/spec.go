package engine

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/mount"
	"github.com/docker/docker/api/types/versions"

	"github.com/nsjoin/docker-nsjoin/pkg/ns"
	"github.com/nsjoin/docker-nsjoin/pkg/payload"
	"github.com/nsjoin/docker-nsjoin/pkg/request"
)

// CallLabel is the only label of a helper's container: the number of the call, which
// records of what was done name. It identifies nothing: an image can have it too.
const CallLabel = "io.nsjoin.call"

// Spec is what a helper's container is to be like.
type Spec struct {
	Name       string   // the container whose image it is, as the user named it
	Image      string   // whose files it has; "" for any
	Args       []string // the helper, a path in the archive, and its arguments
	ImageGiven bool     // the user named it
	// Call is in its name and its label.
	Call request.Call
	// Caps are the capabilities that it has.
	Caps []string
	// HostIPC and HostUTS are where the command has the host's: a rootless engine's helper
	// can't join these, which belong to the host's user namespace, but have them.
	HostIPC, HostUTS bool
	// Serves is the ID of the container whose identity the command has; "" for none.
	Serves string
	// Target is what the engine said of it.
	target container.InspectResponse
	// Volumes are the directories that its image wants volumes in, and unfit that another
	// image is better because of them.
	volumes []string
	unfit   bool
}

// AllCaps is every capability that the engine can give.
const AllCaps = "ALL"

// Those that the helper itself needs: to read of and join another process, to
// open its files whoever owns them, and to become its user.
var helperCaps = []string{
	"CAP_SYS_ADMIN", "CAP_SYS_PTRACE", "CAP_SYS_CHROOT", "CAP_DAC_OVERRIDE", "CAP_DAC_READ_SEARCH",
	"CAP_CHOWN", "CAP_SETUID", "CAP_SETGID", "CAP_SETPCAP", "CAP_KILL",
}

// Docker's own, which a container has that nothing was said of:
// https://docs.docker.com/engine/security/#linux-kernel-capabilities
var defaultCaps = []string{
	"CAP_AUDIT_WRITE", "CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FOWNER", "CAP_FSETID", "CAP_KILL", "CAP_MKNOD",
	"CAP_NET_BIND_SERVICE", "CAP_NET_RAW", "CAP_SETFCAP", "CAP_SETGID", "CAP_SETPCAP", "CAP_SETUID", "CAP_SYS_CHROOT",
}

// NewSpec says what the helper for r is to be like. answers is what the engine said
// of r's containers.
func NewSpec(r *request.Request, answers Answers) Spec {
	s := Spec{
		HostIPC: ofHost(r, answers, ns.IPC, func(h *container.HostConfig) bool { return h.IpcMode.IsHost() }),
		HostUTS: ofHost(r, answers, ns.UTS, func(h *container.HostConfig) bool { return h.UTSMode.IsHost() }),
	}
	mounts := r.Source(ns.Mnt)
	if mounts.Container != nil {
		s.target = answers[mounts.Name]
		s.Serves = mounts.Container.ID
	} else if c, ok := answers[r.Base.Name]; ok {
		s.target = c
	} else {
		for _, c := range answers {
			s.target = c
		}
	}
	if s.target.ContainerJSONBase != nil {
		s.Name, s.Image = strings.TrimPrefix(s.target.Name, "/"), s.target.Image
	}
	if s.target.Config != nil {
		s.setVolumes(s.target.Config.Volumes)
	}
	switch {
	case r.Privileged, mounts.Container == nil: // --privileged, or the host's root
		s.Caps = []string{AllCaps}
	default:
		s.Caps = slices.Concat(helperCaps, containerCaps(s.target.HostConfig))
	}
	if r.New(ns.Net) {
		s.Caps = append(s.Caps, "CAP_NET_ADMIN") // to set its loopback up
	}
	return s
}

// ofHost tells whether a kind is the host's: by itself, or of a container that has it.
func ofHost(r *request.Request, answers Answers, k ns.Kind, has func(*container.HostConfig) bool) bool {
	source := r.Source(k)
	c := answers[source.Name]
	return source.From == request.FromHost ||
		source.Container != nil && c.ContainerJSONBase != nil && c.HostConfig != nil && has(c.HostConfig)
}

// suits refuses an engine that can't run a helper.
func (s Spec) suits(version string) error {
	if versions.LessThan(version, firstVersion) {
		return fmt.Errorf("the engine's API is version %s, and a helper's container takes %s: Engine 20.10", version, firstVersion)
	}
	if s.target.ContainerJSONBase != nil && s.target.Platform == "windows" {
		return errors.New("this engine runs Windows containers, which have no Linux namespaces")
	}
	return nil
}

// lessCaps is s with what an engine can give that can't give all.
func (s Spec) lessCaps() Spec {
	s.Caps = slices.Concat(helperCaps, defaultCaps, []string{"CAP_NET_ADMIN"})
	return s
}

// containerCaps are those that a container was made with.
func containerCaps(h *container.HostConfig) []string {
	if h == nil {
		return defaultCaps
	}
	if h.Privileged || has(h.CapAdd, AllCaps) {
		return []string{AllCaps}
	}
	var caps []string
	for _, c := range defaultCaps {
		if !has(h.CapDrop, AllCaps) && !has(h.CapDrop, c) {
			caps = append(caps, c)
		}
	}
	return append(caps, h.CapAdd...)
}

// has finds a capability in a list, in which CAP_ may be left out.
func has(list []string, c string) bool {
	return slices.ContainsFunc(list, func(name string) bool {
		name = strings.ToUpper(name)
		return name == c || "CAP_"+name == c
	})
}

// config is the part that the image could decide: nothing of it has an effect.
func (s Spec) config() *container.Config {
	c := &container.Config{
		Image:        s.Image,
		Entrypoint:   s.Args[:1],
		Cmd:          s.Args[1:],
		User:         "0:0",
		WorkingDir:   "/",
		StopSignal:   "SIGTERM",
		Healthcheck:  &container.HealthConfig{Test: []string{"NONE"}},
		Labels:       map[string]string{CallLabel: string(s.Call)},
		AttachStdin:  true,
		AttachStdout: true,
		AttachStderr: true,
		OpenStdin:    true,
		StdinOnce:    true,
		// It has a new network either way. With the mode none alone the engine sets that
		// up as well, by a process of its own.
		NetworkDisabled: true,
		// A name alone takes a variable out. These would change how a Go program runs.
		Env: []string{"GODEBUG", "GOGC", "GOMEMLIMIT", "GOTRACEBACK"},
	}
	if s.target.Config != nil {
		for _, assignment := range s.target.Config.Env {
			// One without a name, which an image can have, is no way to take one out.
			if name, _, _ := strings.Cut(assignment, "="); name != "" {
				c.Env = append(c.Env, name)
			}
		}
	}
	c.Env = append(c.Env, payload.Env()...)
	return c
}

// hostConfig is the part that decides about the helper's rights.
func (s Spec) hostConfig() *container.HostConfig {
	noInit := false
	h := &container.HostConfig{
		AutoRemove:   true,
		LogConfig:    container.LogConfig{Type: "none"},
		NetworkMode:  "none",
		PidMode:      "host",
		UsernsMode:   "host",
		CgroupnsMode: "host",
		IpcMode:      "none",
		CapDrop:      []string{AllCaps},
		CapAdd:       s.Caps,
	}
	h.Init = &noInit
	for _, directory := range s.volumes {
		// Else the engine makes a volume and copies what the image has there.
		h.Mounts = append(h.Mounts, mount.Mount{Type: mount.TypeTmpfs, Target: directory})
	}
	if s.HostIPC {
		h.IpcMode = "host"
	}
	if s.HostUTS {
		h.UTSMode = "host"
	}
	if slices.Contains(s.Caps, AllCaps) {
		h.CapDrop = nil // Podman's service refuses to do both
	}
	if has(s.Caps, AllCaps) || has(s.Caps, "CAP_SYS_ADMIN") {
		// It would be the command's as well, and keep the helper from reading the container's.
		h.SecurityOpt = append(h.SecurityOpt, "seccomp=unconfined")
	}
	// Both keep it from other processes. An engine without them takes no notice.
	t := s.target
	if t.ContainerJSONBase == nil || t.AppArmorProfile != "" {
		h.SecurityOpt = append(h.SecurityOpt, "apparmor=unconfined")
	}
	if t.ContainerJSONBase == nil || t.ProcessLabel != "" {
		h.SecurityOpt = append(h.SecurityOpt, "label=disable")
	}
	if t.ContainerJSONBase == nil {
		return h
	}
	if t.HostConfig != nil && s.Serves != "" {
		// To give a command more than it has itself takes the helper CAP_SYS_RESOURCE.
		h.Ulimits, h.OomScoreAdj = ulimits(t.HostConfig.Ulimits), t.HostConfig.OomScoreAdj
	}
	return h
}

// ulimits are those of a container as they can be asked for: Podman's service answers
// RLIMIT_NOFILE for what it takes as nofile only.
func ulimits(answered []*container.Ulimit) []*container.Ulimit {
	var list []*container.Ulimit
	for _, u := range answered {
		asked := *u
		asked.Name = strings.ToLower(strings.TrimPrefix(u.Name, "RLIMIT_"))
		list = append(list, &asked)
	}
	return list
}
