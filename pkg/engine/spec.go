package engine

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/image"
	"github.com/docker/docker/api/types/mount"
	"github.com/docker/docker/api/types/versions"
	"github.com/docker/docker/client"

	"github.com/nsjoin/docker-nsjoin/pkg/helperimage"
	"github.com/nsjoin/docker-nsjoin/pkg/ns"
	"github.com/nsjoin/docker-nsjoin/pkg/payload"
	"github.com/nsjoin/docker-nsjoin/pkg/request"
)

// CallLabel is a label of a helper container: the ID of the call, which audit records name too. VolumeLabel is one of a
// container that holds a volume: the volume's name. They identify nothing, since an image can have these labels.
const (
	CallLabel   = "io.nsjoin.call"
	VolumeLabel = "io.nsjoin.volume"
)

// VolumePath is where the volume is in a container that holds one.
const VolumePath = "/docker-nsjoin-volume"

// Spec describes a helper container.
type Spec struct {
	Name       string // the container whose image it uses if the helper's own can't be loaded, as the user named it
	Image      string // "" for any image
	ImageGiven bool   // the user named it
	// Call is part of the container's name, and the value of its label.
	Call request.Call
	// Caps are the container's capabilities.
	Caps []string
	// More are the programs that the container has besides the helper.
	More []helperimage.Part
	// HostIPC and HostUTS say that it has the host's namespaces, since the command has them. A
	// helper of a rootless engine can't join them: they belong to the host's user namespace.
	HostIPC, HostUTS bool
	// IdentityOf is the ID of the container whose identity the command has; "" for none.
	IdentityOf string
	// Sockets says that the helper serves sockets: it needs more open files than the container may have.
	Sockets bool
	// Volume, if not "", is mounted at VolumePath, and the container keeps the engine from removing the volume as long as
	// it is mounted in process UsedBy or, if that is 0, as long as the client is connected. It has no rights.
	Volume string
	UsedBy int
	// many says that it starts helpers for all commands of a call.
	many bool
	// target is the engine's answer about that container, or about another one of the request.
	target container.InspectResponse
	// volumes are the directories of the image's volumes; unusable says that they make the image
	// unusable for a helper.
	volumes  []string
	unusable bool
	// own says that the image holds the helper and nothing else.
	own bool
	// arch is the architecture of the helper's own image.
	arch string
	// program is the helper's path in the container.
	program string
	// keep is the idle time of a container that is kept, in seconds; 0 for one of a single call.
	keep int
}

// AllCaps stands for every capability that the engine can grant.
const AllCaps = "ALL"

// helperCaps are what the helper itself needs: to read and join other processes, to open their
// files whoever owns them, and to switch to their user.
var helperCaps = []string{
	"CAP_SYS_ADMIN", "CAP_SYS_PTRACE", "CAP_SYS_CHROOT", "CAP_DAC_OVERRIDE", "CAP_DAC_READ_SEARCH",
	"CAP_CHOWN", "CAP_SETUID", "CAP_SETGID", "CAP_SETPCAP", "CAP_KILL",
}

// defaultCaps are Docker's default capabilities of a container:
// https://docs.docker.com/engine/security/#linux-kernel-capabilities
var defaultCaps = []string{
	"CAP_AUDIT_WRITE", "CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FOWNER", "CAP_FSETID", "CAP_KILL", "CAP_MKNOD",
	"CAP_NET_BIND_SERVICE", "CAP_NET_RAW", "CAP_SETFCAP", "CAP_SETGID", "CAP_SETPCAP", "CAP_SETUID", "CAP_SYS_CHROOT",
}

// NewSpec describes the helper container for r. answers are the engine's, about r's containers.
func NewSpec(r *request.Request, answers Answers) Spec {
	s := Spec{
		HostIPC: isHosts(r, answers, ns.IPC, func(h *container.HostConfig) bool { return h.IpcMode.IsHost() }),
		HostUTS: isHosts(r, answers, ns.UTS, func(h *container.HostConfig) bool { return h.UTSMode.IsHost() }),
	}
	mnt := r.Source(ns.Mnt)
	if mnt.Container != nil {
		s.target = answers[mnt.Name]
		s.IdentityOf = mnt.Container.ID
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
	if r.Forward != nil {
		s.Sockets, s.HostIPC, s.HostUTS = true, false, false // it joins neither of the two
	}
	switch {
	case r.Forward != nil && mnt.Container == nil: // the network only
		s.Caps = socketCaps(s.target.HostConfig)
	case r.Privileged, r.Profile == request.ProfileAdmin, mnt.Container == nil: // all, or the host's root
		s.Caps = []string{AllCaps}
	default:
		s.Caps = slices.Concat(helperCaps, containerCaps(s.target.HostConfig))
	}
	if r.Mount != nil && r.Mount.Type == request.MountVolume {
		// To give an empty volume the owner and the mode of the directory that it is mounted on.
		s.Caps = append(s.Caps, "CAP_FOWNER", "CAP_FSETID")
	}
	if r.New(ns.Net) {
		s.Caps = append(s.Caps, "CAP_NET_ADMIN") // to bring the loopback interface up
	}
	if r.Profile == request.ProfileNet {
		s.Caps = append(s.Caps, "CAP_NET_ADMIN", "CAP_NET_RAW")
	}
	return s
}

// socketCaps returns what a helper needs that makes sockets in a container's network: to find the container, to join
// its network, and to bind the ports that the container may bind.
func socketCaps(h *container.HostConfig) []string {
	const bind = "CAP_NET_BIND_SERVICE"
	if granted := containerCaps(h); has(granted, bind) || has(granted, AllCaps) {
		return append(slices.Clone(helperCaps), bind)
	}
	return helperCaps
}

// isHosts reports whether the command has the host's namespace of a kind, directly or through a
// container that has it.
func isHosts(r *request.Request, answers Answers, k ns.Kind, has func(*container.HostConfig) bool) bool {
	source := r.Source(k)
	c := answers[source.Name]
	return source.From == request.FromHost ||
		source.Container != nil && c.ContainerJSONBase != nil && c.HostConfig != nil && has(c.HostConfig)
}

// checkEngine refuses an engine that can't run a helper.
func (s Spec) checkEngine(version string) error {
	if versions.LessThan(version, minVersion) {
		return fmt.Errorf("the engine's API version is %s, but a helper container needs %s (Docker Engine 20.10) or newer", version, minVersion)
	}
	if s.target.ContainerJSONBase != nil && s.target.Platform == "windows" {
		return errors.New("this engine runs Windows containers, which have no Linux namespaces")
	}
	return nil
}

// withDefaultCaps returns s for an engine that can't grant all capabilities.
func (s Spec) withDefaultCaps() Spec {
	s.Caps = slices.Concat(helperCaps, defaultCaps, []string{"CAP_NET_ADMIN"})
	return s
}

// containerCaps returns the capabilities that a container was created with.
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

// has finds a capability in a list, where the prefix CAP_ may be missing.
func has(list []string, c string) bool {
	return slices.ContainsFunc(list, func(name string) bool {
		name = strings.ToUpper(name)
		return name == c || "CAP_"+name == c
	})
}

// config returns the part of the configuration that an image can set. It overrides everything that the
// image may have set.
func (s Spec) config() *container.Config {
	c := &container.Config{
		Image:        s.Image,
		Entrypoint:   []string{s.program},
		Cmd:          s.arguments(),
		User:         "0:0",
		WorkingDir:   "/",
		StopSignal:   "SIGTERM",
		Healthcheck:  &container.HealthConfig{Test: []string{"NONE"}},
		Labels:       s.labels(),
		AttachStdin:  s.keep == 0,
		AttachStdout: s.keep == 0,
		AttachStderr: s.keep == 0,
		OpenStdin:    s.keep == 0,
		StdinOnce:    s.keep == 0,
		// With NetworkMode none alone the engine sets a network namespace up in a process of its own. The
		// container has a new one either way.
		NetworkDisabled: true,
		// A name without a value unsets the variable. These change how a Go program runs.
		Env: []string{"GODEBUG", "GOGC", "GOMEMLIMIT", "GOTRACEBACK"},
	}
	if s.target.Config != nil && !s.own {
		for _, assignment := range s.target.Config.Env {
			// An image can have an assignment without a name, which can't be unset.
			if name, _, _ := strings.Cut(assignment, "="); name != "" {
				c.Env = append(c.Env, name)
			}
		}
	}
	c.Env = append(c.Env, payload.Env()...)
	return c
}

// labels returns those of the container.
func (s Spec) labels() map[string]string {
	labels := map[string]string{CallLabel: string(s.Call)}
	if s.Volume != "" {
		labels[VolumeLabel] = s.Volume
	}
	return labels
}

// arguments returns those of the container's first process.
func (s Spec) arguments() []string {
	switch {
	case s.keep > 0:
		return []string{"keep", strconv.Itoa(s.keep)}
	case s.Volume != "":
		return []string{"volume", strconv.Itoa(s.UsedBy)}
	case s.many:
		return []string{request.ManyArg}
	}
	return []string{request.FramesArg}
}

// hostConfig returns the part of the configuration that decides the helper's rights.
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
	h.Init, h.ReadonlyRootfs = &noInit, s.own
	for _, directory := range s.volumes {
		// Without it the engine makes a volume, with a copy of the image's files.
		h.Mounts = append(h.Mounts, mount.Mount{Type: mount.TypeTmpfs, Target: directory})
	}
	if s.Volume != "" {
		h.Mounts = append(h.Mounts, mount.Mount{
			Type: mount.TypeVolume, Source: s.Volume, Target: VolumePath, VolumeOptions: &mount.VolumeOptions{NoCopy: true},
		})
	}
	if s.HostIPC {
		h.IpcMode = "host"
	}
	if s.HostUTS {
		h.UTSMode = "host"
	}
	if slices.Contains(s.Caps, AllCaps) {
		h.CapDrop = nil // Podman's service does not accept both
	}
	if has(s.Caps, AllCaps) || has(s.Caps, "CAP_SYS_ADMIN") {
		// The helper's filter would be the command's too, and would keep the helper from reading the container's.
		h.SecurityOpt = append(h.SecurityOpt, "seccomp=unconfined")
	}
	// AppArmor and SELinux would keep the helper from other processes. An engine without them
	// ignores the options.
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
	if t.HostConfig != nil && s.IdentityOf != "" {
		// Without CAP_SYS_RESOURCE the helper can't give the command a higher limit than its own.
		h.Ulimits, h.OomScoreAdj = Ulimits(t.HostConfig.Ulimits), t.HostConfig.OomScoreAdj
	}
	if s.Sockets {
		h.Ulimits = slices.DeleteFunc(h.Ulimits, func(u *container.Ulimit) bool { return u.Name == "nofile" && u.Hard >= 0 && u.Hard < leastFiles })
	}
	return h
}

// leastFiles is how many open files a helper may have that serves sockets; the engine's default is more.
const leastFiles = 1 << 16

// Ulimits returns a container's limits in the form of a request: Podman's service returns RLIMIT_NOFILE
// but accepts only nofile.
func Ulimits(answered []*container.Ulimit) []*container.Ulimit {
	var list []*container.Ulimit
	for _, u := range answered {
		asked := *u
		asked.Name = strings.ToLower(strings.TrimPrefix(u.Name, "RLIMIT_"))
		list = append(list, &asked)
	}
	return list
}

// ImageInspector is the part of the engine's client that describes an image: its volumes, its labels.
type ImageInspector interface {
	ImageInspect(ctx context.Context, name string, options ...client.ImageInspectOption) (image.InspectResponse, error)
}

// withImage returns s with another image of the engine. If that is not the target's image, whose volumes
// are known, it asks the engine for the volumes. If that fails, creating the container returns the
// reason.
func (s Spec) withImage(ctx context.Context, engine ImageInspector, name string) Spec {
	if s.Image = name; s.target.ContainerJSONBase != nil && s.target.Image == name {
		return s
	}
	s.volumes, s.unusable = nil, false
	if found, err := engine.ImageInspect(ctx, name); err == nil && found.Config != nil {
		s.setVolumes(found.Config.Volumes)
	}
	return s
}

// setVolumes sets the directories of an image's volumes, each once: an image may have data, /data and
// /data/../data. An image is unusable if one is the root, since no container of it can be started,
// or if a path is relative, since newer engines copy nothing into its containers.
func (s *Spec) setVolumes(volumes map[string]struct{}) {
	clean := make(map[string]bool)
	for volume := range volumes {
		directory := path.Join("/", volume)
		clean[directory] = true
		s.unusable = s.unusable || directory == "/" || !path.IsAbs(volume)
	}
	s.volumes = slices.Sorted(maps.Keys(clean))
}
