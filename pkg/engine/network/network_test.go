package network_test

import (
	"context"
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/docker/docker/api/types/container"
	networktypes "github.com/docker/docker/api/types/network"

	"github.com/nsjoin/docker-nsjoin/pkg/engine/network"
	"github.com/nsjoin/docker-nsjoin/pkg/names"
	"github.com/nsjoin/docker-nsjoin/pkg/request"
)

// answer returns an engine's answer about a container.
func answer(name string, networks map[string]*networktypes.EndpointSettings, change func(*container.InspectResponse)) container.InspectResponse {
	c := container.InspectResponse{
		ContainerJSONBase: &container.ContainerJSONBase{ID: name, Name: "/" + name, HostConfig: &container.HostConfig{NetworkMode: "default"}},
		Config:            &container.Config{Hostname: name + "host"},
		NetworkSettings:   &container.NetworkSettings{Networks: networks},
	}
	if change != nil {
		change(&c)
	}
	return c
}

type networks = map[string]*networktypes.EndpointSettings

func onBridge() networks { return networks{"bridge": {IPAddress: "172.17.0.2", Gateway: "172.17.0.1"}} }

func onOwn() networks {
	return networks{"n1": {IPAddress: "172.18.0.2", GlobalIPv6Address: "2001:db8::2", Gateway: "172.18.0.1"}}
}

// known are the containers that the engine knows besides.
type known struct{}

func (known) ContainerInspect(_ context.Context, name string) (container.InspectResponse, error) {
	switch name {
	case "db":
		return answer("db", onBridge(), nil), nil
	case "away":
		return answer("away", onOwn(), nil), nil
	case "holder":
		return answer("holder", onOwn(), nil), nil
	case "follower", "loop":
		return answer(name, nil, func(c *container.InspectResponse) {
			c.HostConfig.NetworkMode = container.NetworkMode("container:" + map[string]string{"follower": "holder", "loop": "loop"}[name])
		}), nil
	}
	return container.InspectResponse{}, errors.New("no such container")
}

func ofMode(mode string) func(*container.InspectResponse) {
	return func(c *container.InspectResponse) { c.HostConfig.NetworkMode = container.NetworkMode(mode) }
}

func TestNames(t *testing.T) {
	for _, row := range []struct {
		name         string
		c            container.InspectResponse
		hosts        string // without the lines about localhost
		hostname     string
		resolv       names.Resolv
		unknown      []string // paths
		notes, where string   // a part of each
		onHost       bool
	}{
		{name: "default network", c: answer("web", onBridge(), nil), hosts: "172.17.0.2\twebhost\n", hostname: "webhost\n"},
		{
			name: "user-defined network with all options", c: answer("web", onOwn(), func(c *container.InspectResponse) {
				c.HostConfig.NetworkMode = "n1"
				c.HostConfig.DNS, c.HostConfig.DNSSearch, c.HostConfig.DNSOptions = []string{"192.0.2.53"}, []string{"x.example"}, []string{"ndots:1"}
				c.HostConfig.ExtraHosts = []string{"a:192.0.2.1", "six:2001:db8::1", "bracketed:[2001:db8::3]"}
				c.Config.Domainname = "example"
			}),
			hosts:    "192.0.2.1\ta\n2001:db8::1\tsix\n2001:db8::3\tbracketed\n172.18.0.2\twebhost.example webhost\n2001:db8::2\twebhost.example webhost\n",
			hostname: "webhost\n",
			resolv:   names.Resolv{Servers: []string{"192.0.2.53"}, Search: []string{"x.example"}, Options: []string{"ndots:1"}, Embedded: true},
		},
		{
			name: "links and host-gateway", c: answer("web", onBridge(), func(c *container.InspectResponse) {
				c.HostConfig.Links = []string{"/db:/web/friend", "/away:/web/away", "/gone:/web/gone"}
				c.HostConfig.ExtraHosts = []string{"outside:host-gateway"}
			}),
			hosts: "172.17.0.1\toutside\n172.17.0.2\tfriend dbhost db\n172.17.0.2\twebhost\n", hostname: "webhost\n",
			notes: `the link to "away", whose address the engine does not say|the link to "gone", whose address the engine does not say`,
		},
		{
			name: "host-gateway on a user-defined network", c: answer("web", onOwn(), func(c *container.InspectResponse) {
				c.HostConfig.NetworkMode, c.HostConfig.ExtraHosts = "n1", []string{"outside:host-gateway"}
			}),
			hosts: "172.18.0.2\twebhost\n2001:db8::2\twebhost\n", hostname: "webhost\n", resolv: names.Resolv{Embedded: true},
			notes: `"outside" of --add-host, since the engine does not say the address of host-gateway`,
		},
		{
			name: "names that forge lines", c: answer("web", onBridge(), func(c *container.InspectResponse) {
				c.Config.Hostname = "a\n192.0.2.66 db"
				c.HostConfig.ExtraHosts = []string{"b\nc:192.0.2.1", "localhost:192.0.2.66", "d:not an address", "e"}
			}),
			notes: "5 lines of its /etc/hosts, which are not valid", unknown: []string{names.Hostname},
		},
		{name: "none", c: answer("web", networks{"none": {}}, ofMode("none")), hostname: "webhost\n"},
		{name: "a container's network", c: answer("web", nil, ofMode("container:follower")), hosts: "172.18.0.2\tholderhost\n2001:db8::2\tholderhost\n", hostname: "holderhost\n", resolv: names.Resolv{Embedded: true}},
		{name: "a container that is gone", c: answer("web", nil, ofMode("container:0123456789abcdef")), unknown: names.Paths(), where: "0123456789ab"},
		{name: "a circle", c: answer("web", nil, ofMode("container:loop")), unknown: names.Paths(), where: "and so on"},
		{name: "an empty answer", unknown: names.Paths(), where: "no configuration"},
		{name: "the host's network", c: answer("web", networks{"host": {}}, ofMode("host")), hostname: "webhost\n", resolv: names.Resolv{Host: true}, onHost: true},
		{
			name: "Podman's own network", c: answer("web", onOwn(), func(c *container.InspectResponse) {
				c.ResolvConfPath = "/run/containers/storage/overlay-containers/web/userdata/resolv.conf"
			}),
			hosts: "172.18.0.2\twebhost\n2001:db8::2\twebhost\n", hostname: "webhost\n", resolv: names.Resolv{Embedded: true}, unknown: []string{names.ResolvConf}, where: "Podman",
		},
	} {
		got, onHost := network.Names(t.Context(), known{}, row.c)
		local, _ := names.Hosts(nil)
		if hosts := strings.TrimPrefix(got.Hosts, local); hosts != row.hosts || got.Hosts == hosts && hosts != "" {
			t.Errorf("%s: hosts\n%swant\n%s", row.name, got.Hosts, row.hosts)
		}
		if got.Hostname != row.hostname || !reflect.DeepEqual(got.Resolv, row.resolv) || onHost != row.onHost {
			t.Errorf("%s: %q, %+v, %v", row.name, got.Hostname, got.Resolv, onHost)
		}
		if notes := strings.Join(got.Notes, "|"); notes != row.notes {
			t.Errorf("%s: notes %q, want %q", row.name, notes, row.notes)
		}
		expectUnknown(t, row.name, got, row.unknown, row.where)
	}
}

func expectUnknown(t *testing.T, name string, got request.MadeNames, paths []string, part string) {
	t.Helper()
	if len(got.Unknown) != len(paths) {
		t.Errorf("%s: unknown %v, want %q", name, got.Unknown, paths)
	}
	for _, path := range paths {
		if why := got.Unknown[path]; why == "" || !strings.Contains(why, part) {
			t.Errorf("%s: %s is unknown since %q, want %q", name, path, why, part)
		}
	}
}

// An engine is asked for a limited number of other containers.
func TestLinksAreLimited(t *testing.T) {
	var engine counting
	c := answer("web", onBridge(), func(c *container.InspectResponse) {
		for range 1000 {
			c.HostConfig.Links = append(c.HostConfig.Links, "/db:/web/db")
		}
	})
	got, _ := network.Names(t.Context(), &engine, c)
	if engine.asked > 32 || len(got.Notes) != 1 || got.Notes[0] != "links after the first 32" {
		t.Errorf("asked %d times, %q", engine.asked, got.Notes)
	}
}

// counting counts how often it is asked for a container.
type counting struct{ asked int }

func (c *counting) ContainerInspect(context.Context, string) (container.InspectResponse, error) {
	c.asked++
	return answer("db", onBridge(), nil), nil
}

// withBridge also knows the default network.
type withBridge struct {
	known
	configs []networktypes.IPAMConfig
}

func (b withBridge) NetworkInspect(_ context.Context, name string, _ networktypes.InspectOptions) (networktypes.Inspect, error) {
	if name != "bridge" {
		return networktypes.Inspect{}, errors.New("no such network")
	}
	return networktypes.Inspect{IPAM: networktypes.IPAM{Config: b.configs}}, nil
}

func TestHostGateway(t *testing.T) {
	c := answer("web", onOwn(), func(c *container.InspectResponse) {
		c.HostConfig.NetworkMode, c.HostConfig.ExtraHosts = "n1", []string{"outside:host-gateway"}
	})
	for _, row := range []struct {
		configs []networktypes.IPAMConfig
		line    string
		notes   int
	}{
		{[]networktypes.IPAMConfig{{Subnet: "2001:db8::/64"}, {Gateway: "172.17.0.1"}}, "\n172.17.0.1\toutside\n", 0},
		{[]networktypes.IPAMConfig{{Subnet: "172.17.0.0/16"}}, "\n", 1}, // 20.10
		{[]networktypes.IPAMConfig{{Gateway: "not an address"}}, "\n", 1},
	} {
		got, _ := network.Names(t.Context(), withBridge{configs: row.configs}, c)
		if !strings.Contains(got.Hosts, row.line) || strings.Contains(got.Hosts, "outside") != (row.notes == 0) || len(got.Notes) != row.notes {
			t.Errorf("%+v: %q, %q", row.configs, got.Hosts, got.Notes)
		}
	}
}
