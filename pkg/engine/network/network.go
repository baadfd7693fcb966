// Package network finds in the engine's answers what a container's names are made from: its DNS servers, its
// addresses, and the names that it has for others. Nothing comes from files that the container's root can write.
package network

import (
	"context"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/network"

	"github.com/nsjoin/docker-nsjoin/pkg/names"
	"github.com/nsjoin/docker-nsjoin/pkg/request"
)

// Engine has the requests that are sent to an engine.
type Engine interface {
	// ContainerInspect asks for a container by its ID or name.
	ContainerInspect(ctx context.Context, name string) (container.InspectResponse, error)
}

// networkInspector is an Engine that can be asked for a network. The engine's files do not describe networks.
type networkInspector interface {
	NetworkInspect(ctx context.Context, name string, options network.InspectOptions) (network.Inspect, error)
}

// defaultBridge is the network of containers that name none.
const defaultBridge = "bridge"

// maxLinks limits the containers that the engine is asked for because of docker run --link.
const maxLinks = 32

// maxShared limits how many containers are followed that have the network of another one.
const maxShared = 8

// Names returns what decides the names of container c. onHost reports that its network is the host's.
func Names(ctx context.Context, engine Engine, c container.InspectResponse) (made request.MadeNames, onHost bool) {
	for range maxShared {
		if c.ContainerJSONBase == nil || c.HostConfig == nil || c.Config == nil {
			return unknown("the engine's answer about it has no configuration"), false
		}
		if !c.HostConfig.NetworkMode.IsContainer() {
			m := maker{engine: engine, c: c}
			m.make(ctx)
			return m.made, isHost(c.HostConfig.NetworkMode)
		}
		// Docker gives it the three files of that container.
		other := c.HostConfig.NetworkMode.ConnectedContainer()
		next, err := engine.ContainerInspect(ctx, other)
		if err != nil {
			return unknown(fmt.Sprintf("its network is that of container %.12s, and the engine does not know that one: %v", other, err)), false
		}
		c = next
	}
	return unknown("its network is that of a container that has the network of another one, and so on"), false
}

// unknown says that nothing is known, and why.
func unknown(why string) request.MadeNames {
	made := request.MadeNames{Unknown: make(map[string]string)}
	for _, file := range names.Paths() {
		made.Unknown[file] = why
	}
	return made
}

// maker makes the names of c, whose network is its own.
type maker struct {
	engine Engine
	c      container.InspectResponse
	made   request.MadeNames
}

func (m *maker) note(format string, args ...any) {
	m.made.Notes = append(m.made.Notes, fmt.Sprintf(format, args...))
}

func (m *maker) unknown(file, why string) {
	if m.made.Unknown == nil {
		m.made.Unknown = make(map[string]string)
	}
	m.made.Unknown[file] = why
}

func (m *maker) make(ctx context.Context) {
	host := m.c.HostConfig
	m.made.Resolv = names.Resolv{
		Servers: host.DNS, Search: host.DNSSearch, Options: host.DNSOptions,
		Host: isHost(host.NetworkMode), Embedded: m.embedded(),
	}
	if m.isPodmans() && m.made.Resolv.Embedded {
		m.unknown(names.ResolvConf, "Podman does not say which DNS server answers in its network")
	}
	if !isHost(host.NetworkMode) || len(host.ExtraHosts) > 0 {
		list := m.extraHosts(ctx)
		list = append(list, m.links(ctx)...)
		text, dropped := names.Hosts(append(list, m.own()...))
		if m.made.Hosts = text; dropped > 0 {
			m.note("%d lines of its %s, which are not valid", dropped, names.HostsFile)
		}
	}
	var ok bool
	if m.made.Hostname, ok = names.CleanHostname(m.c.Config.Hostname); !ok {
		m.made.Hostname = ""
		m.unknown(names.Hostname, "the engine's answer about it has no valid host name")
	}
}

// embedded reports whether Docker's own DNS server answers in the container: in every network but those that Docker
// makes itself.
func (m *maker) embedded() bool {
	return slices.ContainsFunc(m.networks(), func(name string) bool {
		return !slices.Contains([]string{defaultBridge, "host", "none", "podman"}, name)
	})
}

// isPodmans reports whether the engine is Podman's service, whose networks have no server at 127.0.0.11.
func (m *maker) isPodmans() bool { return IsPodmans(m.c) }

// IsPodmans reports whether an answer about a container is that of Podman's service.
func IsPodmans(c container.InspectResponse) bool {
	return c.ContainerJSONBase != nil && strings.HasSuffix(c.ResolvConfPath, "/userdata/resolv.conf")
}

// networks returns the names of the container's networks.
func (m *maker) networks() []string {
	if m.c.NetworkSettings == nil {
		return nil
	}
	return slices.Sorted(maps.Keys(m.c.NetworkSettings.Networks))
}

// extraHosts returns the lines of docker run --add-host.
func (m *maker) extraHosts(ctx context.Context) []names.Host {
	var list []names.Host
	for _, entry := range m.c.HostConfig.ExtraHosts {
		name, address, _ := strings.Cut(entry, ":")
		if address == "host-gateway" {
			if address = m.hostGateway(ctx); address == "" {
				m.note("%q of --add-host, since the engine does not say the address of host-gateway", name)
				continue
			}
		}
		list = append(list, names.Host{Address: strings.Trim(address, "[]"), Names: []string{name}})
	}
	return list
}

// hostGateway returns the address that Docker replaces host-gateway by, unless the engine is configured otherwise:
// that of the host in the default network. It returns "" if the engine does not say it, as before version 28 for a
// container that is not in that network.
func (m *maker) hostGateway(ctx context.Context) string {
	if address := addressOn(m.c, defaultBridge, gateway); address != "" {
		return address
	}
	engine, ok := m.engine.(networkInspector)
	if !ok || m.isPodmans() {
		return ""
	}
	bridge, err := engine.NetworkInspect(ctx, defaultBridge, network.InspectOptions{})
	if err != nil {
		return ""
	}
	for _, c := range bridge.IPAM.Config {
		if c.Gateway != "" {
			return c.Gateway
		}
	}
	return ""
}

// links returns the lines of docker run --link, which the default network has. They are those of moby's
// buildSandboxOptions: the alias, the host name and the name of each linked container.
func (m *maker) links(ctx context.Context) []names.Host {
	if mode := m.c.HostConfig.NetworkMode; !mode.IsDefault() && mode != container.NetworkMode(network.NetworkBridge) {
		return nil
	}
	var list []names.Host
	for i, link := range m.c.HostConfig.Links {
		target, alias, _ := strings.Cut(link, ":")
		target, alias = strings.TrimPrefix(target, "/"), path.Base(alias)
		if i >= maxLinks {
			m.note("links after the first %d", maxLinks)
			break
		}
		other, err := m.engine.ContainerInspect(ctx, target)
		address := addressOn(other, defaultBridge, ipv4)
		if err != nil || other.Config == nil || address == "" {
			m.note("the link to %q, whose address the engine does not say", target)
			continue
		}
		line := names.Host{Address: address, Names: []string{alias}}
		for _, name := range []string{other.Config.Hostname, target} {
			if name != "" && name != alias {
				line.Names = append(line.Names, name)
			}
		}
		list = append(list, line)
	}
	return list
}

// own returns the lines with the container's own name: one for each of its addresses.
func (m *maker) own() []names.Host {
	var own []string
	if domain := m.c.Config.Domainname; domain != "" {
		own = append(own, m.c.Config.Hostname+"."+domain)
	}
	own = append(own, m.c.Config.Hostname)
	var list []names.Host
	for _, name := range m.networks() {
		for _, of := range []property{ipv4, ipv6} {
			if address := addressOn(m.c, name, of); address != "" {
				list = append(list, names.Host{Address: address, Names: own})
			}
		}
	}
	return list
}

// property is an address of a container in a network.
type property int

const (
	ipv4 property = iota
	ipv6
	gateway
)

// addressOn returns an address in c's network of the given name, or "".
func addressOn(c container.InspectResponse, name string, of property) string {
	if c.NetworkSettings == nil || c.NetworkSettings.Networks[name] == nil {
		return ""
	}
	endpoint := c.NetworkSettings.Networks[name]
	switch of {
	case ipv6:
		return endpoint.GlobalIPv6Address
	case gateway:
		return endpoint.Gateway
	case ipv4:
	}
	return endpoint.IPAddress
}

// isHost reports whether a container has the host's network. Its own method knows only the networks of the client's system: on
// Windows, no container has the host's.
func isHost(mode container.NetworkMode) bool { return mode == network.NetworkHost }
