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
	"github.com/nsjoin/docker-nsjoin/pkg/exit"
)

// Engine and runtime open a container's files with the users when they start it: the engine those of its layers, runc and
// crun those that the container sees. They wait without end for a FIFO there, or for a file of /proc that does not end, with a
// lock that keeps the container from being removed. Before the start, nobody can change the layers of a stand-in. But its
// volumes and bind mounts can be changed by other containers that have them.

// accountFiles are the files with the users.
var accountFiles = []string{"/etc/passwd", "/etc/group"} //nolint:gochecknoglobals // a constant

// settleAccounts checks the files with the users. Mounts that they may be read from are left out if another container has
// them too.
func (c *creation) settleAccounts(ctx context.Context) error {
	for {
		linked, unfit := checkAccounts(ctx, c.from, c.s.ID)
		in := holding(c.host.Mounts, linked)
		if len(in) == 0 {
			return unfit
		}
		shared, by, err := c.shared(ctx, in)
		switch {
		case err != nil:
			return err
		case len(shared) == 0 && unfit != nil:
			return unfit
		case len(shared) == 0:
			c.s.accountsIn = in[0].Target
			return c.checkBeneath(ctx, in)
		}
		c.without(shared, fmt.Sprintf("%s has it too, and could make the engine wait without end for the users' files in it", by))
		if err := c.create(ctx); err != nil {
			return err
		}
	}
}

// checkBeneath checks the files with the users that are beneath mounts, which the engine opens.
func (c *creation) checkBeneath(ctx context.Context, in []mount.Mount) error {
	err := c.temporary(ctx, others(c.host.Mounts, in), func(id string) error {
		_, err := checkAccounts(ctx, c.from, id)
		return err
	})
	if err != nil {
		return fmt.Errorf("without its mount %s: %w", in[0].Target, err)
	}
	return nil
}

// checkAccounts refuses a container that the engine could not start. The container has been created, but not started.
// linked reports whether one of the files is a link.
func checkAccounts(ctx context.Context, from Client, id string) (linked bool, err error) {
	for _, name := range append([]string{"/etc"}, accountFiles...) {
		is, err := from.ContainerStatPath(ctx, id, name)
		if errdefs.IsNotFound(err) {
			continue
		}
		// The engine has followed all links. In what the runtime mounts later there may be something else, and more links.
		if target := path.Join("/", is.LinkTarget); err == nil && is.Mode.Type() == os.ModeSymlink && name != "/etc" && !reachesHost(target) {
			linked = true
			is, err = from.ContainerStatPath(ctx, id, target)
			if errdefs.IsNotFound(err) {
				continue
			}
		}
		switch {
		case err != nil:
			return linked, fmt.Errorf("look at its %s: %w", name, errors.New(engine.Message(err)))
		case !is.Mode.IsRegular() && !is.Mode.IsDir():
			return linked, exit.Hint(fmt.Errorf("its %s is not what it should be, and the engine could wait for it without end", name),
				"docker cp reads the files of a container that does not run")
		}
	}
	return linked, nil
}

// holding returns the volumes and bind mounts that the files with the users may be read from; all of them if a link leads to
// the files, since the engine does not say through which mounts. It does not return those of the host's own /etc, where
// nobody but the host's root can change a file.
func holding(list []mount.Mount, linked bool) (in []mount.Mount) {
	for _, m := range list {
		switch {
		case m.Type != mount.TypeVolume && m.Type != mount.TypeBind:
		case m.Type == mount.TypeBind && atOrBeneath(m.Source, "/etc"):
		case linked, atOrBeneath("/etc", m.Target), slices.Contains(accountFiles, path.Clean(m.Target)):
			in = append(in, m)
		}
	}
	return in
}

// shared returns those of the mounts in list that another container has too, and one such container's name. The original is
// one, unless it has stopped.
func (c *creation) shared(ctx context.Context, list []mount.Mount) (shared []mount.Mount, by string, err error) {
	all, err := c.from.ContainerList(ctx, container.ListOptions{All: true})
	if err != nil {
		return nil, "", engine.ExplainAs(err, "ask the engine for its containers", "list containers")
	}
	for _, other := range all {
		if other.ID == c.s.ID || other.ID == c.p.id && c.p.hasStopped() {
			continue
		}
		for _, m := range list {
			if slices.ContainsFunc(other.Mounts, func(o container.MountPoint) bool { return c.p.overlaps(m, o) }) && !slices.Contains(targets(shared), m.Target) {
				shared, by = append(shared, m), nameOf(other)
			}
		}
	}
	return shared, by, nil
}

func targets(list []mount.Mount) (all []string) {
	for _, m := range list {
		all = append(all, m.Target)
	}
	return all
}

func nameOf(c container.Summary) string {
	const short = 12
	if len(c.Names) > 0 {
		return strings.TrimPrefix(c.Names[0], "/")
	}
	return c.ID[:min(short, len(c.ID))]
}

// hasStopped reports whether nothing of the original runs, and nothing will unless somebody starts it.
func (p *Plan) hasStopped() bool {
	return slices.Contains([]string{"created", "configured", "exited", "stopped", "dead"}, p.State) // two of them are Podman's words
}

// overlaps reports whether a mount of the stand-in and one of another container show a file in common: they are of the same
// volume, or of directories of which one is in the other.
func (p *Plan) overlaps(m mount.Mount, other container.MountPoint) bool {
	if m.Type == mount.TypeVolume && other.Name == m.Source {
		return true
	}
	source := p.sources[m.Target]
	return source != "" && other.Source != "" && overlap(source, other.Source)
}
