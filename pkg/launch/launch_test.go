package launch_test

import (
	"testing"

	"github.com/nsjoin/docker-nsjoin/pkg/exit"
	"github.com/nsjoin/docker-nsjoin/pkg/launch"
)

func TestParseVia(t *testing.T) {
	for value, want := range map[string]launch.Via{"auto": launch.Auto, "local": launch.Local, "engine": launch.Engine} {
		if got, err := launch.ParseVia(value); err != nil || got != want {
			t.Errorf("--via %s = %q, %v; want %q", value, got, err, want)
		}
	}
}

func TestParseViaErrors(t *testing.T) {
	for _, value := range []string{"", "Auto", "local ", "ssh", "helper"} {
		got, err := launch.ParseVia(value)
		if err == nil {
			t.Errorf("--via %q is accepted as %q", value, got)
			continue
		}
		if want := "must be auto, local or engine"; err.Error() != want {
			t.Errorf("--via %q is refused with %q, want %q", value, err, want)
		}
		if got != "" {
			t.Errorf("--via %q returns %q and an error", value, got)
		}
		if exit.Status(err) != exit.Failed {
			t.Errorf("--via %q: status %d, want %d", value, exit.Status(err), exit.Failed)
		}
	}
}

func TestChoose(t *testing.T) {
	base := launch.Facts{Linux: true, Socket: true, Proven: true, MayJoin: true}
	for _, row := range []struct {
		name   string
		change func(*launch.Facts)
		why    string // why not the local way; "" if the way is local
	}{
		{"root on the engine's host", func(*launch.Facts) {}, ""},
		{"another system", func(f *launch.Facts) { *f = launch.Facts{} }, "this is not Linux"},
		{"a remote engine", func(f *launch.Facts) { f.Socket = false }, "the engine's endpoint is not a socket on this machine"},
		{"a remote engine whose pid is another's here", func(f *launch.Facts) { f.Socket, f.Proven = false, false }, "the engine's endpoint is not a socket on this machine"},
		{"a user of the docker group", func(f *launch.Facts) { f.MayJoin, f.Proven = false, false }, "joining namespaces here needs root"},
		{"a caller whose AppArmor profile denies ptrace", func(f *launch.Facts) { f.Proven, f.Denied = false, true }, "AppArmor, SELinux or Landlock forbids docker nsjoin to inspect the container's first process"},
		{"a container with the engine's socket", func(f *launch.Facts) { f.Proven = false }, "the container's first process does not run on this machine"},
	} {
		facts := base
		row.change(&facts)
		way, why, err := launch.Choose(launch.Auto, facts)
		wantWay, wantWhy := launch.Engine, row.why
		if row.why == "" {
			wantWay, wantWhy = launch.Local, "the engine is on this machine, and the caller may join"
		}
		if err != nil || way != wantWay || why != wantWhy {
			t.Errorf("%s: auto is %q, %q, %v; want %q, %q", row.name, way, why, err, wantWay, wantWhy)
		}
		if way, why, err = launch.Choose(launch.Engine, facts); err != nil || way != launch.Engine || why != "requested by --via" {
			t.Errorf("%s: engine is %q, %q, %v", row.name, way, why, err)
		}
		way, why, err = launch.Choose(launch.Local, facts)
		if row.why == "" {
			if err != nil || way != launch.Local || why != "requested by --via" {
				t.Errorf("%s: local is %q, %q, %v", row.name, way, why, err)
			}
		} else if err == nil || err.Error() != "--via local: "+row.why {
			t.Errorf("%s: local is %q, %v; want %q", row.name, way, err, row.why)
		}
	}
}
