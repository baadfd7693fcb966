package standin

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path"
	"strings"
	"time"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/mount"
	"github.com/docker/go-units"

	"github.com/nsjoin/docker-nsjoin/pkg/engine"
)

// Options say how a stand-in differs from its original.
type Options struct {
	// Network is its network, as for docker run; "" for the default network, or none if the original reaches none
	// that leads out.
	Network string
	// User is the command's, if it is not the original's; else "". The original's need not exist then: the first process
	// is root's.
	User string
	// WritableVolumes means that a container's volumes and bind mounts are as in the original. Otherwise they are
	// read-only.
	WritableVolumes bool
}

// Plan is what a stand-in will be. Nothing has been made yet.
type Plan struct {
	// Name is what the user typed, of a container or image.
	Name    string
	IsImage bool
	// State is a container's, such as exited; "" for an image.
	State string
	// LeftOut is what a container has and its copy has not, each with the reason.
	LeftOut []string

	id      string // of the container or image
	changes int64  // of the container, in bytes
	user    string
	dir     string
	// namedUser is the user of the original, if the engine has to look its name up for the start
	namedUser string
	config    *container.Config
	host      *container.HostConfig
	// sources are the paths on the engine's host of a container's volumes and bind mounts, by where they are mounted.
	sources map[string]string
}

// CrashLoops reports whether a container has just been restarted by its restart policy, so that it may soon end again.
func CrashLoops(c container.InspectResponse) bool {
	const settled = 10 * time.Second
	if c.ContainerJSONBase == nil || c.State == nil || c.RestartCount == 0 {
		return false
	}
	started, err := time.Parse(time.RFC3339Nano, c.State.StartedAt)
	return err == nil && time.Since(started).Abs() < settled
}

// FirstRun returns how long the first run of a container with a restart policy has to go on, until the container is
// expected to keep running. It is 0 for all others, also for a paused one, which does not go on. In the first run the engine does not know yet whether the container
// is in a crash loop.
func FirstRun(c container.InspectResponse) time.Duration {
	const settled = 2 * time.Second // most of those that cannot run end at once
	if c.ContainerJSONBase == nil || c.State == nil || c.HostConfig == nil || c.RestartCount > 0 || c.State.Paused {
		return 0
	}
	if policy := c.HostConfig.RestartPolicy; policy.IsNone() {
		return 0
	}
	started, err := time.Parse(time.RFC3339Nano, c.State.StartedAt)
	if err != nil {
		return 0
	}
	ago := time.Since(started)
	if ago < -settled { // the engine's clock is ahead: it does not say when the container has started
		return 0
	}
	return max(0, settled-max(0, ago))
}

// PlanContainer plans a stand-in for a container that does not run.
func PlanContainer(ctx context.Context, from Client, name string, o Options) (*Plan, error) {
	c, _, err := from.ContainerInspectWithRaw(ctx, name, true)
	switch {
	case err != nil:
		return nil, engine.ExplainAs(err, fmt.Sprintf("ask the engine for container %q", name), fmt.Sprintf("find container %q", name))
	case c.ContainerJSONBase == nil || c.Config == nil || c.HostConfig == nil || c.State == nil:
		return nil, fmt.Errorf("find container %q: the engine's answer has no configuration", name)
	}
	made := &container.Config{
		User: c.Config.User, WorkingDir: c.Config.WorkingDir, Env: c.Config.Env, Hostname: c.Config.Hostname,
		Domainname: c.Config.Domainname, Labels: without(c.Config.Labels),
	}
	p := newPlan(name, c.Config.User, c.Config.WorkingDir, o.User, made, rights(c.HostConfig))
	p.id, p.State, p.LeftOut = c.ID, c.State.Status, rightsLeft(c.HostConfig)
	if c.SizeRw != nil {
		p.changes = *c.SizeRw
	}
	p.sources = make(map[string]string)
	for _, m := range c.Mounts {
		p.sources[m.Destination] = m.Source
	}
	var left []string
	p.host.Mounts, left = mounts(ctx, from, c, o.WritableVolumes)
	p.LeftOut = append(p.LeftOut, left...)
	network := o.Network
	if network == "" {
		var why string
		if network, why = networkFor(ctx, from, c); why != "" {
			p.LeftOut = append(p.LeftOut, why)
		}
	}
	p.host.NetworkMode = container.NetworkMode(network)
	if p.host.NetworkMode.IsContainer() { // the engine allows no name and no names of others beside the other container's
		made.Hostname, made.Domainname = "", ""
	} else {
		h := c.HostConfig
		p.host.DNS, p.host.DNSSearch, p.host.DNSOptions, p.host.ExtraHosts = h.DNS, h.DNSSearch, h.DNSOptions, h.ExtraHosts
	}
	return p, nil
}

// ErrNoImage says that the engine does not have an image. None is pulled.
var ErrNoImage = errors.New("the engine has no such image")

// PlanImage plans a stand-in for a container of an image that the engine has.
func PlanImage(ctx context.Context, from Client, name string, o Options) (*Plan, error) {
	if strings.ContainsAny(name, " \t\n") { // Podman does not say what is wrong with it
		return nil, ErrNoImage
	}
	i, err := from.ImageInspect(ctx, name)
	switch {
	case errdefs.IsNotFound(err), errdefs.IsInvalidArgument(err):
		return nil, ErrNoImage
	case err != nil:
		return nil, engine.ExplainAs(err, fmt.Sprintf("ask the engine for image %q", name), fmt.Sprintf("find image %q", name))
	case i.ID == "" || i.Config == nil:
		return nil, fmt.Errorf("find image %q: the engine's answer has no ID or configuration", name)
	}
	p := newPlan(name, i.Config.User, i.Config.WorkingDir, o.User, &container.Config{Image: i.ID, Labels: without(i.Config.Labels)}, rights(&container.HostConfig{}))
	p.id, p.IsImage = i.ID, true
	p.host.NetworkMode = container.NetworkMode(cmp.Or(o.Network, defaultNetwork))
	return p, nil
}

// newPlan has what is the same for all stand-ins. user and dir are the original's, asked is Options.User.
func newPlan(name, user, dir, asked string, c *container.Config, h *container.HostConfig) *Plan {
	c.Healthcheck = &container.HealthConfig{Test: []string{"NONE"}}
	c.AttachStdin, c.OpenStdin, c.StdinOnce = true, true, true
	if asked != "" {
		c.User = "0"
	}
	p := &Plan{Name: name, user: cmp.Or(asked, user, "root"), dir: path.Join("/", dir), config: c, host: h}
	if asked == "" && strings.Trim(user, "0123456789:") != "" {
		p.namedUser = user
	}
	return p
}

// what describes the stand-in in messages.
func (p *Plan) what() string {
	if p.IsImage {
		return fmt.Sprintf("a container of image %q", p.Name)
	}
	return fmt.Sprintf("a copy of container %q", p.Name)
}

// Describe says in one line where the command runs and why.
func (p *Plan) Describe() string {
	if p.IsImage {
		return p.Name + " is an image: the command runs in a container of it, which is thrown away"
	}
	return fmt.Sprintf("%s is %s: the command runs in a copy with its changes (%s), which is thrown away", p.Name, p.State, units.HumanSize(float64(p.changes)))
}

// describeMount says in one line what is mounted.
func describeMount(m mount.Mount) string {
	text := map[mount.Type]string{mount.TypeVolume: "volume " + m.Source, mount.TypeBind: "bind mount of " + m.Source}[m.Type]
	text = cmp.Or(text, "an empty "+string(m.Type))
	if m.ReadOnly {
		text += ", read-only"
	}
	return text
}
