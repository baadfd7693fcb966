//go:build linux

package main

import (
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/nsjoin/docker-nsjoin/pkg/ns"
)

// TestMix joins each base with each kind overridden by each source, and with some combinations.
// It compares all eight namespaces of the command, read from outside, with those of the sources,
// or expects a refusal.
func TestMix(t *testing.T) {
	m := newMixing(t)
	bases := []source{m.web, m.base, m.host}
	for _, base := range bases {
		for _, k := range ns.Kinds() {
			process := m.process
			if k == ns.User {
				process = m.user
			}
			for _, from := range []source{m.other, m.host, process, process.file(k), private()} {
				m.expect(t, base, map[ns.Kind]source{k: from})
			}
		}
		m.expect(t, base, map[ns.Kind]source{ns.Net: m.other, ns.PID: m.process})
		m.expect(t, base, map[ns.Kind]source{ns.Net: m.other, ns.UTS: m.process.file(ns.UTS), ns.IPC: private()})
		m.expect(t, base, map[ns.Kind]source{ns.Mnt: private(), ns.PID: private(), ns.Net: m.other})
		m.expect(t, base, map[ns.Kind]source{ns.Mnt: m.other, ns.User: m.other, ns.Net: m.host})
		m.expect(t, base, map[ns.Kind]source{ns.User: m.user, ns.Mnt: m.host, ns.Time: private(), ns.Cgroup: private()})
		all := make(map[ns.Kind]source)
		for _, k := range ns.Kinds() {
			all[k] = private()
		}
		m.expect(t, base, all)
	}
}

// source is a source of namespaces: its argument on the command line, and a process that has
// them. For private there is no such process.
type source struct {
	name string // for test names
	arg  string
	pid  int
}

func private() source { return source{name: "private", arg: "private"} }

// file returns the source that names a namespace by its file.
func (g source) file(k ns.Kind) source {
	return source{name: "ns", arg: "ns:/proc/" + strconv.Itoa(g.pid) + "/ns/" + k.String(), pid: g.pid}
}

func (g source) link(t *testing.T, k ns.Kind) string {
	t.Helper()
	link, err := os.Readlink("/proc/" + strconv.Itoa(g.pid) + "/ns/" + k.String())
	if err != nil {
		t.Fatal(err)
	}
	return link
}

func (g source) isContainer() bool { return strings.HasPrefix(g.arg, "container:") }

// mixing holds the sources of namespaces.
type mixing struct {
	env        []string
	web, other source // containers
	host       source
	base       source // a process with eight new namespaces
	process    source // a process with seven, without user
	user       source // a process with a user namespace only
}

// expect runs one row: overrides over a base.
func (m *mixing) expect(t *testing.T, base source, overrides map[ns.Kind]source) {
	t.Helper()
	var names, args []string
	for _, k := range ns.Kinds() {
		if from, ok := overrides[k]; ok {
			names = append(names, k.String()+"="+from.name)
			args = append(args, flagOf(k)+"="+from.arg)
		}
	}
	t.Run(base.name+" "+strings.Join(names, " "), func(t *testing.T) {
		t.Parallel()
		mark := "nsjoin-" + strconv.Itoa(os.Getpid()) + "-" + t.Name()
		links, stderr, status := m.run(t, mark, append(append(args, "--trust-container", base.arg), "sh", "-c", "echo ready; read x", mark))
		if why := m.refusal(t, base, overrides); why != "" {
			if status != 125 || !strings.Contains(stderr, why) {
				t.Errorf("status %d, %q; want a refusal: %s", status, stderr, why)
			}
			return
		}
		if strings.Contains(stderr, "the engine cannot grant all capabilities") && strings.Contains(stderr, "effective capabilities: operation not permitted") {
			t.Logf("this engine cannot give a container the capabilities: %s", stderr)
			return
		}
		if links == nil {
			t.Fatalf("status %d: %s", status, stderr)
		}
		for _, k := range ns.Kinds() {
			m.compare(t, k, links[k], base, overrides)
		}
	})
}

func (m *mixing) compare(t *testing.T, k ns.Kind, got string, base source, overrides map[ns.Kind]source) {
	t.Helper()
	from, ok := overrides[k]
	if !ok {
		from = base
	}
	if k == ns.Mnt && !ok && m.copied(t, base, overrides) {
		from = private()
	}
	if from != private() {
		if want := from.link(t, k); got != want {
			t.Errorf("%s: the command is in %q, want %q, that of %s", k, got, want, from.name)
		}
		return
	}
	for _, other := range []source{m.web, m.other, m.host, m.base, m.process, m.user} {
		if got == other.link(t, k) || got == "" {
			t.Errorf("%s: the command is in %q, that of %s, want a new one", k, got, other.name)
		}
	}
}

// copied reports whether the command has a copy of the host's mounts, with a /proc for its PID
// namespace, or with the names of the container whose network it has.
func (m *mixing) copied(t *testing.T, base source, overrides map[ns.Kind]source) bool {
	t.Helper()
	from, ok := overrides[ns.PID]
	if !ok {
		from = base
	}
	return base.link(t, ns.Mnt) == m.host.link(t, ns.Mnt) &&
		(from == private() || from.link(t, ns.PID) != m.host.link(t, ns.PID) || overrides[ns.Net].isContainer())
}

// refusal returns part of the message if the combination must be refused, or "". There are two
// reasons:
//
//   - The command's identity comes from the owner of its mounts, which a file does not name.
//   - If the owner of the mounts has its own user namespace, that has to be joined too.
func (m *mixing) refusal(t *testing.T, base source, overrides map[ns.Kind]source) string {
	t.Helper()
	of := func(k ns.Kind) source {
		if from, ok := overrides[k]; ok {
			return from
		}
		return base
	}
	mounts, user := of(ns.Mnt), of(ns.User)
	if mounts == private() {
		mounts = base // the mounts are a copy of the base's
	}
	switch {
	case mounts.name == "ns":
		return "cannot take the mount namespace from a file"
	case mounts.link(t, ns.Mnt) == m.host.link(t, ns.Mnt), mounts.link(t, ns.User) == m.host.link(t, ns.User):
		return ""
	case user == private() || user.link(t, ns.User) != mounts.link(t, ns.User):
		return "its files belong to ids of its own user namespace"
	}
	return ""
}

// flagOf returns the flag of a kind, as docker run spells it.
func flagOf(k ns.Kind) string {
	switch k {
	case ns.Cgroup, ns.User:
		return "--" + k.String() + "ns"
	default:
		return "--" + k.String()
	}
}
