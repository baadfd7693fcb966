package standin

import (
	"context"
	"fmt"
	"os"
	"path"
	"slices"
	"strings"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/mount"
	"github.com/docker/docker/api/types/versions"
)

// maxFrom limits how many containers are asked for because of docker run --volumes-from.
const maxFrom = 16

// mounts returns a container's volumes and bind mounts, never with more than the original sees of them, and what is left
// out.
func mounts(ctx context.Context, from Client, c container.InspectResponse, writable bool) (list []mount.Mount, left []string) {
	asked, known := askedMounts(ctx, from, c)
	leaveOut := func(m container.MountPoint, why string) {
		left = append(left, fmt.Sprintf("%s (%s)", m.Destination, why))
	}
	for _, m := range c.Mounts {
		spec, isAsked := asked[path.Clean(m.Destination)]
		made := mount.Mount{Type: m.Type, Target: m.Destination, ReadOnly: !m.RW || !writable}
		switch m.Type {
		case mount.TypeVolume:
			if !isAsked && !known {
				leaveOut(m, "a container of --volumes-from is gone, and so is how much of the volume this one sees")
				continue
			}
			// Without NoCopy an empty volume gets a copy of the image's files.
			made.Source, made.VolumeOptions = m.Name, &mount.VolumeOptions{NoCopy: true}
			if spec.VolumeOptions != nil {
				made.VolumeOptions.Subpath = spec.VolumeOptions.Subpath
			}
		case mount.TypeBind:
			if reachesHost(m.Source) {
				leaveOut(m, "the host's sockets, devices or processes may be there")
				continue
			}
			// Before API 1.44 only the topmost mount can be read-only.
			topmost := made.ReadOnly && versions.LessThan(from.ClientVersion(), "1.44")
			made.Source = m.Source
			made.BindOptions = &mount.BindOptions{NonRecursive: topmost || spec.BindOptions != nil && spec.BindOptions.NonRecursive}
		case mount.TypeTmpfs:
			made.ReadOnly, made.TmpfsOptions = !m.RW, spec.TmpfsOptions // it is the copy's own
		default:
			leaveOut(m, fmt.Sprintf("it is of type %s", m.Type))
			continue
		}
		list = append(list, made)
	}
	return list, left
}

// askedMounts returns, by their targets, the mounts that the container was created with by docker run --mount, its own
// and those of --volumes-from: the engine's list of its mounts does not have all of their options. known is false if a
// container of --volumes-from cannot be asked for.
func askedMounts(ctx context.Context, from Client, c container.InspectResponse) (asked map[string]mount.Mount, known bool) {
	asked, known = make(map[string]mount.Mount), true
	add := func(h *container.HostConfig) {
		for _, m := range h.Mounts {
			if _, is := asked[path.Clean(m.Target)]; !is { // its own come first
				asked[path.Clean(m.Target)] = m
			}
		}
		for _, bind := range h.Binds { // source:target[:options], without other options
			if parts := strings.Split(bind, ":"); len(parts) > 1 {
				if at := path.Clean(parts[1]); asked[at].Target == "" {
					asked[at] = mount.Mount{Target: at}
				}
			}
		}
	}
	add(c.HostConfig)
	others := slices.Clone(c.HostConfig.VolumesFrom)
	for i := 0; i < len(others); i++ {
		if i == maxFrom {
			return asked, false
		}
		name, _, _ := strings.Cut(others[i], ":")
		other, _, err := from.ContainerInspectWithRaw(ctx, name, false)
		if err != nil || other.ContainerJSONBase == nil || other.HostConfig == nil {
			known = false
			continue
		}
		add(other.HostConfig)
		others = append(others, other.HostConfig.VolumesFrom...)
	}
	return asked, known
}

// reachesHost reports whether a path of the host is a socket by its name, or has the places beneath it where the host's
// sockets, devices and processes are.
func reachesHost(source string) bool {
	source = path.Clean(source)
	if path.Ext(source) == ".sock" {
		return true
	}
	return slices.ContainsFunc([]string{"/dev", "/proc", "/run", "/sys", "/var/run"}, func(place string) bool {
		return overlap(source, place)
	})
}

// hostFiles are files by which the directories are known that reachesHost names: the engine follows links in the source of
// a bind mount, and says only what was typed.
var hostFiles = []struct { //nolint:gochecknoglobals // a table
	name string
	kind os.FileMode
}{
	{"null", os.ModeDevice},            // /dev
	{"dev/null", os.ModeDevice},        // /
	{"sysrq-trigger", 0},               // /proc
	{"kernel/notes", 0},                // /sys
	{"docker.sock", os.ModeSocket},     // /run
	{"run/docker.sock", os.ModeSocket}, // /var, if /var/run is a mount
	{"containerd/containerd.sock", os.ModeSocket},
	{"dbus/system_bus_socket", os.ModeSocket},
	{"systemd/private", os.ModeSocket},
	{"podman/podman.sock", os.ModeSocket},
}

// isOfHost reports whether a bind mount of a directory, at a path of a container, is one of those that reachesHost names.
func isOfHost(ctx context.Context, from Client, id, at string) bool {
	return slices.ContainsFunc(hostFiles, func(f struct {
		name string
		kind os.FileMode
	},
	) bool {
		is, err := from.ContainerStatPath(ctx, id, path.Join(at, f.name))
		return err == nil && is.Mode.Type()&^os.ModeCharDevice == f.kind
	})
}
