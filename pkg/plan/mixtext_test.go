package plan_test

import (
	"path/filepath"
	"testing"

	"github.com/nsjoin/docker-nsjoin/pkg/ns"
	"github.com/nsjoin/docker-nsjoin/pkg/plan"
	"github.com/nsjoin/docker-nsjoin/pkg/request"
)

// TestGoldenMixes holds what --dry-run prints of the examples of docs/namespaces.md.
func TestGoldenMixes(t *testing.T) {
	type sources map[ns.Kind]request.Source
	web, app, db := process(webPID, docker()), process(appPID, docker()), process(4300, docker())
	for _, row := range []struct {
		name    string // of the file, after the command line
		base    request.Source
		take    ns.Set
		instead sources
		command []string
	}{
		// --net container:web -- ifconfig
		{"net-of-web", request.Host(), ns.All(), sources{ns.Net: source("web")}, []string{"ifconfig"}},
		// --net container:web app sh
		{"app-net-of-web", source("app"), ns.All(), sources{ns.Net: source("web")}, []string{"sh"}},
		// --net host app ip addr
		{"app-net-host", source("app"), ns.All(), sources{ns.Net: request.Host()}, []string{"ip", "addr"}},
		// --net container:web --pid container:db -- sh
		{"net-of-web-pid-of-db", request.Host(), ns.All(), sources{ns.Net: source("web"), ns.PID: source("db")}, []string{"sh"}},
		// --net ns:/run/netns/blue web sh
		{"web-net-blue", source("web"), ns.All(), sources{ns.Net: file("/run/netns/blue")}, []string{"sh"}},
		// --net pid:4242 -- sh
		{"net-of-pid", request.Host(), ns.All(), sources{ns.Net: {From: request.FromPID, PID: 4242}}, []string{"sh"}},
		// --pid private --mnt private -- sh -c ps
		{"private", request.Host(), ns.All(), sources{ns.PID: private(), ns.Mnt: private()}, []string{"sh", "-c", "ps"}},
		// --only net,uts web hostname
		{"web-only-net-uts", source("web"), ns.SetOf(ns.Net, ns.UTS), nil, []string{"hostname"}},
		// --except net web wget -qO- 127.0.0.1
		{"web-except-net", source("web"), ns.All().Without(ns.SetOf(ns.Net)), nil, []string{"wget", "-qO-", "127.0.0.1"}},
		// --cgroupns private --uts private --userns private web sh
		{"web-private", source("web"), ns.All(), sources{ns.Cgroup: private(), ns.UTS: private(), ns.User: private()}, []string{"sh"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			r, o := mixed(row.instead)
			r.Base, r.Take, r.Command = row.base, row.take, row.command
			from := func(s request.Source) plan.Process {
				if s.From == request.FromPID {
					return process(s.PID, docker())
				}
				return map[string]plan.Process{"": o.Self, "web": web, "app": app, "db": db}[s.Name]
			}
			o.Base = from(row.base)
			for k, s := range row.instead {
				if s.From == request.FromContainer || s.From == request.FromPID {
					o.Overrides[k] = from(s)
				}
			}
			golden(t, filepath.Join("testdata", "mix-"+row.name+".golden"), []byte(made(t, r, o).String()))
		})
	}
}
