package survey_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/nsjoin/docker-nsjoin/pkg/ns"
	"github.com/nsjoin/docker-nsjoin/pkg/survey"
)

// host is a simulated machine with containers and processes.
type host struct {
	survey.Survey
	names []survey.Named
	next  uint64 // next namespace, pid and start time
}

const hosts = 100 // the inode of each of the host's namespaces

func newHost() *host {
	h := &host{next: 1000}
	var nodes survey.Inodes
	for k := range nodes {
		nodes[k] = hosts
	}
	h.Groups = []survey.Group{{Namespaces: nodes, Count: 50}}
	return h
}

// id returns the full ID of the container with this name.
func id(name string) string {
	return fmt.Sprintf("%064x", "nsjoin/"+name)[:64]
}

// cgroup returns the ID that a container's cgroup paths contain; "" for the host's.
func cgroup(container string) string {
	if container == "" {
		return ""
	}
	return id(container)
}

func (h *host) number() uint64 { h.next++; return h.next }

// container adds a container with its own namespaces of some kinds. It shares the kinds in from with the
// containers named there, and the rest with the host.
func (h *host) container(name string, own ns.Set, from map[ns.Kind]string) {
	nodes := h.Groups[0].Namespaces
	for k := range nodes {
		if own.Has(ns.Kind(k)) {
			nodes[k] = h.number()
		}
		if other, ok := from[ns.Kind(k)]; ok {
			nodes[k] = h.Groups[h.find(other).Group].Namespaces[k]
		}
	}
	c := survey.Container{ID: id(name), Shim: int(h.number()), Cgroup: cgroup(name), Bundle: "/run/" + id(name)}
	c.Group = h.group(nodes)
	c.First = h.process(c.Group, c.Shim, nil)
	h.Containers = append(h.Containers, c)
	h.names = append(h.names, survey.Named{ID: c.ID, Name: name, Image: "image"})
}

func (h *host) find(name string) *survey.Container {
	i := slices.IndexFunc(h.Containers, func(c survey.Container) bool { return c.ID == id(name) })
	return &h.Containers[i]
}

func (h *host) group(nodes survey.Inodes) int {
	i := slices.IndexFunc(h.Groups, func(g survey.Group) bool { return g.Namespaces == nodes })
	if i < 0 {
		i = len(h.Groups)
		h.Groups = append(h.Groups, survey.Group{Namespaces: nodes})
	}
	return i
}

func (h *host) process(group, parent int, o *survey.Origin) int {
	h.Groups[group].Count++
	pid := int(h.number())
	h.Processes = append(h.Processes, survey.Process{PID: pid, Parent: parent, Group: group, Start: h.next, Origin: o})
	return pid
}

// enters adds a process that is in the given kinds of namespaces of the container of, in the others of the
// container rest, and in the cgroup of the container in. For rest and in, "" is the host.
func (h *host) enters(parent int, kinds ns.Set, of, rest, in string) int {
	nodes := h.Groups[0].Namespaces
	if rest != "" {
		nodes = h.Groups[h.find(rest).Group].Namespaces
	}
	for _, k := range kinds.Kinds() {
		nodes[k] = h.Groups[h.find(of).Group].Namespaces[k]
	}
	o := &survey.Origin{UID: 7, Command: survey.Command("tool", "tool\x00-x\x00"), Cgroup: cgroup(in)}
	group := h.group(nodes)
	for _, p := range h.Processes {
		if p.PID == parent && p.Group == group {
			o = nil
		}
	}
	return h.process(group, parent, o)
}

// usual are the kinds that Docker gives each container on cgroup v1.
var usual = ns.SetOf(ns.IPC, ns.Mnt, ns.Net, ns.PID, ns.UTS)

func pod() *host {
	h := newHost()
	h.container("web", usual, nil)
	joined := map[ns.Kind]string{ns.Net: "web", ns.IPC: "web"}
	h.container("app", usual.Without(ns.SetOf(ns.Net, ns.IPC)), joined)
	h.container("db", usual.Without(ns.SetOf(ns.Net, ns.IPC)), joined)
	h.container("proxy", usual.Without(ns.SetOf(ns.Net)), nil)
	return h
}

func (h *host) report() map[string]*survey.Row {
	rows := make(map[string]*survey.Row)
	for _, row := range survey.Report(&h.Survey, h.names, func(uid uint32) string { return fmt.Sprintf("user%d", uid) }) {
		rows[row.Name] = row
	}
	return rows
}

func TestCells(t *testing.T) {
	h := pod()
	h.Groups[0].Namespaces[ns.Time] = 0
	for i := range h.Groups {
		h.Groups[i].Namespaces[ns.Time] = 0 // of a kernel before 5.6
	}
	rows := h.report()
	for name, want := range map[string]string{
		"web":   "host =app,db own =app,db own - host own",
		"app":   "host =web,db own =web,db own - host own",
		"db":    "host =web,app own =web,app own - host own",
		"proxy": "host own own host own - host own",
	} {
		var cells []string
		for _, n := range rows[name].Namespaces {
			cells = append(cells, n.String())
		}
		if got := strings.Join(cells, " "); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
	for _, name := range []string{"web", "app", "db"} {
		if owner := rows[name].Owner(ns.Net); owner != rows["web"] {
			t.Errorf("net of %s was %+v's", name, owner)
		}
		if owner := rows[name].Owner(ns.Mnt); owner != rows[name] {
			t.Errorf("mnt of %s is %+v's", name, owner)
		}
	}
	if owner := rows["proxy"].Owner(ns.Net); owner != nil {
		t.Errorf("the host's net is %s's", owner.Name)
	}
	if n := rows["web"].Namespaces[ns.Net].Processes; n != 3 {
		t.Errorf("%d processes in the pod's net, want 3", n)
	}
	if n := rows["proxy"].Namespaces[ns.Net].Processes; n != 51 {
		t.Errorf("%d processes in the host's net, want 51", n)
	}
}

// An engine may be in other namespaces than the host's first process.
func TestHostIsTheEngineToo(t *testing.T) {
	h := newHost()
	h.container("web", usual, nil)
	nodes := h.Groups[0].Namespaces
	nodes[ns.Net] = h.Groups[h.find("web").Group].Namespaces[ns.Net]
	h.find("web").Engine = h.group(nodes)
	if n := h.report()["web"].Namespaces[ns.Net]; n.String() != "host" {
		t.Errorf("the engine's net is %s", n)
	}
}

func TestGuests(t *testing.T) {
	net := ns.SetOf(ns.Net)
	for _, row := range []struct {
		name string
		do   func(h *host)
		want string // CONTAINER:KINDS<FROM of each
	}{
		{"a pod's own are no guests", func(*host) {}, ""},
		{"nsjoin --only net", func(h *host) { h.enters(1, net, "proxy", "", "") }, ""},
		{
			"nsjoin --only net, of a pod: of each of it",
			func(h *host) { h.enters(1, net, "web", "", "") },
			"app:net<host db:net<host web:net<host",
		},
		{"nsenter --mount", func(h *host) { h.enters(1, ns.SetOf(ns.Mnt), "app", "", "") }, "app:mnt<host"},
		{
			"nsjoin with everything: for those that share only by web it is of web",
			func(h *host) { h.enters(1, ns.All(), "web", "", "web") },
			"web:ipc,mnt,net,pid,uts<host",
		},
		{
			"nsenter with everything, whose cgroup is the host's",
			func(h *host) { h.enters(1, ns.All(), "proxy", "", "") },
			"proxy:ipc,mnt,pid,uts<host",
		},
		{
			"app in proxy's mounts",
			func(h *host) { h.enters(h.find("app").First, ns.SetOf(ns.Mnt), "proxy", "app", "app") },
			"proxy:mnt<app",
		},
		{
			"an exec's command, which has the shim as its parent, that left a namespace",
			func(h *host) { h.enters(h.find("app").Shim, ns.All().Without(net), "app", "", "app") },
			"",
		},
		{
			"a container's process that left a namespace",
			func(h *host) { h.enters(h.find("app").First, ns.All().Without(net), "app", "", "app") },
			"",
		},
		{
			"a guest who was left alone, so that the container's first process is its parent",
			func(h *host) { h.enters(h.find("app").First, ns.SetOf(ns.PID), "app", "", "") },
			"app:pid<host",
		},
		{
			"what a guest starts isn't listed",
			func(h *host) { h.enters(h.enters(1, ns.SetOf(ns.Mnt), "app", "", ""), ns.SetOf(ns.Mnt), "app", "", "") },
			"app:mnt<host",
		},
		{
			"who waits for the one that is in the pid namespace isn't",
			func(h *host) {
				waiting := h.enters(1, ns.SetOf(ns.Mnt), "app", "", "")
				h.enters(waiting, ns.SetOf(ns.Mnt, ns.PID), "app", "", "")
			},
			"app:mnt,pid<host",
		},
		{
			"without cgroups, as of a rootless engine",
			func(h *host) {
				for i := range h.Containers {
					h.Containers[i].Cgroup = ""
				}
				h.enters(h.find("app").First, ns.All().Without(net), "app", "", "")
				h.enters(h.find("app").First, ns.SetOf(ns.Mnt), "proxy", "app", "")
				h.enters(1, ns.SetOf(ns.UTS), "app", "", "")
			},
			"app:uts<host proxy:mnt<app",
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			h := pod()
			row.do(h)
			if got := guests(t, h); got != row.want {
				t.Errorf("guests %q, want %q", got, row.want)
			}
		})
	}
}

func guests(t *testing.T, h *host) string {
	t.Helper()
	var got []string
	for name, r := range h.report() {
		for _, g := range r.Guests {
			from := "host"
			if g.From != nil {
				from = g.From.Name
			}
			got = append(got, fmt.Sprintf("%s:%s<%s", name, g.Kinds, from))
			if g.User != "user7" || g.Command != "tool -x" {
				t.Errorf("guest %+v", g)
			}
		}
	}
	slices.Sort(got)
	return strings.Join(got, " ")
}

func TestCommand(t *testing.T) {
	for _, row := range []struct{ name, cmdline, want string }{
		{"tool", "tool\x00-x\x00", "tool -x"},
		{"tool", "tool\x00\x00a b\x00\x00", "tool  a b"},
		{"tool", "", "[tool]"},
		{"tool", "\x00\x00", "[tool]"},
	} {
		if got := survey.Command(row.name, row.cmdline); got != row.want {
			t.Errorf("%q: %q, want %q", row.cmdline, got, row.want)
		}
	}
}

// With reused pids, processes can seem to be each other's parents.
func TestRingOfParents(t *testing.T) {
	h := newHost()
	h.container("web", usual, nil)
	nodes := h.Groups[0].Namespaces
	nodes[ns.Net] = h.Groups[h.find("web").Group].Namespaces[ns.Net]
	a := h.process(h.group(nodes), 0, &survey.Origin{})
	b := h.process(h.group(nodes), a, &survey.Origin{})
	for i := range h.Processes {
		if h.Processes[i].PID == a {
			h.Processes[i].Parent = b
		}
	}
	if got := h.report()["web"].Guests; len(got) > 2 {
		t.Errorf("guests %+v", got)
	}
}

func TestShares(t *testing.T) {
	rows := pod().report()
	for _, row := range []struct {
		name  string
		kinds ns.Set
		with  []string
		want  string
	}{
		{"with anyone", 0, nil, "app db proxy web"},
		{"net with anyone", ns.SetOf(ns.Net), nil, "app db proxy web"},
		{"ipc with anyone", ns.SetOf(ns.IPC), nil, "app db web"},
		{"mnt with anyone", ns.SetOf(ns.Mnt), nil, ""},
		{"with web", 0, []string{"web"}, "app db"},
		{"pid with web", ns.SetOf(ns.PID), []string{"web"}, ""},
		{"pid or net with app", ns.SetOf(ns.PID, ns.Net), []string{"app"}, "db web"},
		{"with the host, user besides", 0, []string{""}, "proxy"},
		{"user with the host", ns.SetOf(ns.User), []string{""}, "app db proxy web"},
	} {
		with := make(map[string]bool)
		for _, name := range row.with {
			if name != "" {
				name = id(name)
			}
			with[name] = true
		}
		var got []string
		for name, r := range rows {
			if r.Shares(row.kinds, with) {
				got = append(got, name)
			}
		}
		slices.Sort(got)
		if got := strings.Join(got, " "); got != row.want {
			t.Errorf("%s: %q, want %q", row.name, got, row.want)
		}
	}
}
