package standin

import (
	"context"
	"fmt"
	"os"
	"path"
	"strings"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/mount"
)

// Podman's service (4.3) says nothing about a bind mount that is not of a directory, and makes a directory for a source that
// is gone. It ignores that files of the image are not to be copied into a volume, unless the volume is one of Binds, and it
// writes a mount as a list with commas.

// checkBinds leaves bind mounts out as specialFiles and goneBinds do. It looks at their sources through the root directory
// of the engine's host, in a container that is never started.
func (c *creation) checkBinds(ctx context.Context) error {
	var binds, damaged []mount.Mount
	for _, m := range c.host.Mounts {
		switch {
		case strings.ContainsAny(m.Source+m.Target, ",\"\n"):
			damaged = append(damaged, m)
		case m.Type == mount.TypeBind:
			binds = append(binds, m)
		}
	}
	if len(damaged) > 0 {
		c.without(damaged, "Podman's service does not take its name")
	}
	if len(binds) == 0 {
		return nil
	}
	root := mount.Mount{Type: mount.TypeBind, Source: "/", Target: c.hostAt, ReadOnly: true, BindOptions: &mount.BindOptions{NonRecursive: true}}
	return c.temporary(ctx, []mount.Mount{root}, func(id string) error {
		for _, m := range binds {
			why, err := c.whyNot(ctx, id, m.Source)
			if err != nil {
				return fmt.Errorf("look at its mount %s: %w", m.Target, err)
			}
			if why != "" {
				c.without([]mount.Mount{m}, why)
			}
		}
		return nil
	})
}

// whyNot says why a file of the engine's host is not mounted into a stand-in; "" if it is. The container with an ID has the
// host's root directory.
func (c *creation) whyNot(ctx context.Context, id, source string) (why string, err error) {
	is, err := c.from.ContainerStatPath(ctx, id, path.Join(c.hostAt, source))
	if err == nil && is.Mode.Type() == os.ModeSymlink {
		source = path.Join("/", is.LinkTarget) // all links have been followed
		if reachesHost(source) {
			return notPlain, nil
		}
		is, err = c.from.ContainerStatPath(ctx, id, path.Join(c.hostAt, source))
	}
	switch {
	case errdefs.IsNotFound(err):
		return "its source is gone from the engine's host", nil
	case err != nil:
		return "", err
	case isSpecial(ctx, c.from, id, path.Join(c.hostAt, source), is.Mode):
		return notPlain, nil
	}
	return "", nil
}

// splitForPodman returns mounts with the volumes in the form of docker run --volume, where that is possible.
func splitForPodman(list []mount.Mount) (mounts []mount.Mount, binds []string) {
	for _, m := range list {
		if m.Type != mount.TypeVolume || m.VolumeOptions == nil || m.VolumeOptions.Subpath != "" || strings.Contains(m.Target, ":") {
			mounts = append(mounts, m)
			continue
		}
		bind := m.Source + ":" + m.Target + ":nocopy"
		if m.ReadOnly {
			bind += ",ro"
		}
		binds = append(binds, bind)
	}
	return mounts, binds
}
