package standin

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"slices"
	"strings"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/mount"

	"github.com/nsjoin/docker-nsjoin/pkg/engine"
	"github.com/nsjoin/docker-nsjoin/pkg/engine/scratch"
)

// creation creates a stand-in. It is only known then what is at its mounts: it is created again without those that reach
// the host, that are gone, or that could make the engine wait.
type creation struct {
	p        *Plan
	s        *StandIn
	from     Client
	register engine.Register
	config   *container.Config
	host     container.HostConfig
	warn     func(text string)

	podman bool   // the engine is Podman's service
	hostAt string // a directory that no image has
}

func (c *creation) run(ctx context.Context) error {
	if c.podman {
		if err := c.checkBinds(ctx); err != nil {
			return err
		}
	}
	err := c.create(ctx)
	if errdefs.IsInvalidArgument(err) {
		if gone := c.goneBinds(ctx); len(gone) > 0 {
			c.without(gone, "its source is gone from the engine's host")
			err = c.create(ctx)
		}
	}
	if err != nil {
		return err
	}
	if !c.podman {
		special, err := specialFiles(ctx, c.from, c.s.ID, c.host.Mounts)
		if err != nil {
			return err
		}
		if len(special) > 0 {
			c.without(special, notPlain)
			if err := c.create(ctx); err != nil {
				return err
			}
		}
	}
	return c.settleAccounts(ctx)
}

// create creates the container, in place of the one before.
func (c *creation) create(ctx context.Context) error {
	if c.s.container != nil {
		if err := c.s.container.Remove(ctx); err != nil {
			return err
		}
		c.s.container = nil
	}
	made, err := c.attempt(ctx, c.host.Mounts)
	if err == nil {
		c.s.container, c.s.ID = made, made.ID
	}
	return err
}

// attempt creates a container with mounts, in which nothing is mounted before it starts.
func (c *creation) attempt(ctx context.Context, mounts []mount.Mount) (*scratch.Container, error) {
	h := c.host
	h.Mounts = mounts
	if c.podman {
		h.Mounts, h.Binds = splitForPodman(mounts)
	}
	return scratch.Create(ctx, c.from, c.register, c.config, &h, nil)
}

// without leaves mounts out, and says why.
func (c *creation) without(left []mount.Mount, why string) {
	for _, l := range left {
		c.warn(fmt.Sprintf("left out of the copy: %s (%s)", l.Target, why))
	}
	c.host.Mounts = others(c.host.Mounts, left)
}

// others returns those of list that are not in left.
func others(list, left []mount.Mount) []mount.Mount {
	return slices.DeleteFunc(slices.Clone(list), func(one mount.Mount) bool {
		return slices.ContainsFunc(left, func(l mount.Mount) bool { return l.Target == one.Target })
	})
}

// notPlain says why a bind mount is left out.
const notPlain = "it is not a file or directory of the host's, or the host's sockets, devices or processes are there"

// specialFiles returns the bind mounts of sockets, devices and FIFOs, which a read-only mount does not protect: whoever
// opens one acts on the host. So are those that isOfHost. The container has been created, but not started.
func specialFiles(ctx context.Context, from Client, id string, list []mount.Mount) (special []mount.Mount, err error) {
	for _, m := range list {
		if m.Type != mount.TypeBind {
			continue
		}
		is, err := from.ContainerStatPath(ctx, id, m.Target)
		if err != nil {
			return nil, fmt.Errorf("look at its mount %s: %w", m.Target, errors.New(engine.Message(err)))
		}
		if isSpecial(ctx, from, id, m.Target, is.Mode) {
			special = append(special, m)
		}
	}
	return special, nil
}

func isSpecial(ctx context.Context, from Client, id, at string, mode os.FileMode) bool {
	kind := mode.Type()
	return kind != 0 && (kind != os.ModeDir || isOfHost(ctx, from, id, at))
}

// goneBinds returns the bind mounts that keep the engine from creating a container: those whose source is gone. The
// engine names only one of them, in the text of its error, so a container is created with each alone, and removed.
// If it creates none without mounts either, no source is to blame.
func (c *creation) goneBinds(ctx context.Context) (gone []mount.Mount) {
	create := func(with ...mount.Mount) error {
		made, err := c.attempt(ctx, with)
		if err == nil {
			_ = made.Remove(ctx)
		}
		return err
	}
	if create() != nil {
		return nil
	}
	for _, m := range c.host.Mounts {
		if m.Type != mount.TypeBind {
			continue
		}
		switch err := create(m); {
		case errdefs.IsInvalidArgument(err):
			gone = append(gone, m)
		case err != nil:
			return nil
		}
	}
	return gone
}

// temporary creates a container with mounts, calls look with its ID, and removes it.
func (c *creation) temporary(ctx context.Context, mounts []mount.Mount, look func(id string) error) error {
	made, err := c.attempt(ctx, mounts)
	if err != nil {
		return err
	}
	err = look(made.ID)
	return errors.Join(err, made.Remove(ctx))
}

// overlap reports whether one of two paths is, or is in, the other.
func overlap(a, b string) bool { return atOrBeneath(a, b) || atOrBeneath(b, a) }

// atOrBeneath reports whether a path is dir or beneath it.
func atOrBeneath(name, dir string) bool {
	name, dir = path.Clean(name), path.Clean(dir)
	return name == dir || dir == "/" || strings.HasPrefix(name, dir+"/")
}
