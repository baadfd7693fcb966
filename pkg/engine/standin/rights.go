package standin

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/network"

	"github.com/nsjoin/docker-nsjoin/pkg/engine"
)

// without returns the labels that take those of an image away. A label cannot be removed, but other programs that look
// for containers by their labels, such as proxies, find no value.
func without(labels map[string]string) map[string]string {
	empty := make(map[string]string, len(labels))
	for name := range labels {
		empty[name] = ""
	}
	return empty
}

// rights returns the part of a container's configuration that decides the rights and limits of its processes, without
// what gives access to the host: docker run --privileged, devices, and namespaces of the host or of other containers.
func rights(from *container.HostConfig) *container.HostConfig {
	noInit := false
	h := &container.HostConfig{
		AutoRemove: true, Init: &noInit, LogConfig: container.LogConfig{Type: "none"},
		CapAdd: from.CapAdd, CapDrop: from.CapDrop, SecurityOpt: from.SecurityOpt, GroupAdd: from.GroupAdd, Tmpfs: from.Tmpfs,
		ShmSize: from.ShmSize, StorageOpt: from.StorageOpt, Runtime: from.Runtime,
		MaskedPaths: from.MaskedPaths, ReadonlyPaths: from.ReadonlyPaths, Resources: from.Resources,
	}
	h.Ulimits = engine.Ulimits(from.Ulimits)
	h.Devices, h.DeviceCgroupRules, h.DeviceRequests = nil, nil, nil
	h.KernelMemory, h.KernelMemoryTCP = 0, 0 //nolint:staticcheck // newer kernels and engines refuse them
	if !from.UsernsMode.IsHost() {
		h.UsernsMode = from.UsernsMode
	}
	if from.CgroupnsMode.IsPrivate() {
		h.CgroupnsMode = from.CgroupnsMode // the engine's own may be the host's
	}
	if from.Privileged {
		h.MaskedPaths, h.ReadonlyPaths = nil, nil // the engine's own
	}
	if from.Privileged || from.PidMode.IsHost() || from.IpcMode.IsHost() {
		// The engine has added an option that is not for the copy.
		h.SecurityOpt = slices.DeleteFunc(slices.Clone(h.SecurityOpt), func(o string) bool { return strings.HasPrefix(o, "label") })
	}
	return h
}

// The engine's names of networks.
const (
	defaultNetwork = "default"
	noNetwork      = "none"
)

// networkFor returns the network of a container's copy if the user names none: the default one, but none if the container
// is in no network that leads out of the engine's host. A network that cannot be asked for does not. why says why the copy
// lacks one that the container has.
func networkFor(ctx context.Context, from Client, c container.InspectResponse) (name, why string) {
	var names []string
	if c.NetworkSettings != nil {
		for name := range c.NetworkSettings.Networks {
			names = append(names, name)
		}
	}
	leadsOut := func(name string) bool {
		if name == noNetwork {
			return false
		}
		n, err := from.NetworkInspect(ctx, name, network.InspectOptions{})
		return err == nil && !n.Internal
	}
	if slices.ContainsFunc(names, leadsOut) {
		return defaultNetwork, ""
	}
	switch mode := c.HostConfig.NetworkMode; {
	case mode.IsContainer():
		why = fmt.Sprintf("its network (%s; --network NAME gives one)", mode)
	case len(names) > 0 && !slices.Contains(names, noNetwork):
		why = fmt.Sprintf("its network (%s does not lead out of the host; --network NAME gives one)", strings.Join(slices.Sorted(slices.Values(names)), " or "))
	}
	return noNetwork, why
}

// rightsLeft says what the copy does not have of what gives access to the host.
func rightsLeft(from *container.HostConfig) (left []string) {
	for what, has := range map[string]bool{
		"--privileged": from.Privileged,
		"its devices":  len(from.Devices)+len(from.DeviceCgroupRules)+len(from.DeviceRequests) > 0,
		"the pid namespace of " + string(from.PidMode): from.PidMode.IsHost() || from.PidMode.IsContainer(),
		"the ipc namespace of " + string(from.IpcMode): from.IpcMode.IsHost() || from.IpcMode.IsContainer(),
	} {
		if has {
			left = append(left, what)
		}
	}
	slices.Sort(left)
	return left
}
