package plan_test

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/nsjoin/docker-nsjoin/pkg/ns"
	"github.com/nsjoin/docker-nsjoin/pkg/plan"
)

// Mounts under /proc are kept. The new /proc is assembled on a directory without such mounts.
func TestMountsUnderProcAreKept(t *testing.T) {
	const binfmt = "/proc/sys/fs/binfmt_misc"
	for _, row := range []struct {
		beneath, want []string
		at            string
	}{
		{nil, nil, "/proc"},
		{[]string{binfmt}, []string{binfmt}, "/proc/driver"},
		{[]string{"/proc/driver", "/proc/meminfo"}, []string{"/proc/driver", "/proc/meminfo"}, "/proc/tty"},
		{[]string{"/proc/driver/nvidia", "/proc/tty", "/proc/bus"}, []string{"/proc/driver/nvidia", "/proc/tty", "/proc/bus"}, "/proc/fs"},
		{[]string{"/proc/drivers"}, []string{"/proc/drivers"}, "/proc/driver"},
		// Directories of processes, which are others in the new pid namespace.
		{[]string{"/proc/1/root", "/proc/self", "/proc/thread-self/attr"}, nil, "/proc"},
		{[]string{"/proc/1x", "/proc/42", "/proc/selfish"}, []string{"/proc/1x", "/proc/selfish"}, "/proc/driver"},
	} {
		r, o := asked(), observed()
		r.Take = ns.SetOf(ns.PID)
		for _, path := range row.beneath {
			o.ProcMounts = append(o.ProcMounts, plan.Mount{Path: path})
		}
		p := made(t, r, o)
		i := slices.IndexFunc(p.Steps, func(s plan.Step) bool { return s.Op == plan.OpProc })
		if i < 0 {
			t.Fatalf("%q: no /proc is mounted", row.beneath)
		}
		var got []string
		for _, m := range p.Steps[i].Beneath {
			got = append(got, m.Path)
		}
		if at := p.Steps[i].At; at != row.at || !reflect.DeepEqual(got, row.want) {
			t.Errorf("%q: %q at %s, want %q at %s", row.beneath, got, at, row.want, row.at)
		}
		text := "mount /proc of the pid namespace"
		if len(row.want) > 0 {
			text += ", with " + strings.Join(row.want, " ")
		}
		if p.Describe(i) != text {
			t.Errorf("%q, want %q", p.Describe(i), text)
		}
	}
}

// JSON and text show that the new mounts are slaves.
func TestSlaveIsPrinted(t *testing.T) {
	r, o := asked(), observed()
	r.Take = ns.SetOf(ns.PID)
	o.ProcMounts = []plan.Mount{{Path: "/proc/sys/fs/binfmt_misc", Autofs: true}}
	p := made(t, r, o)
	text, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`"new":true,"slave":true`, `{"op":"slave"}`,
		`{"op":"proc","at":"/proc/driver","beneath":[{"path":"/proc/sys/fs/binfmt_misc","autofs":true}]}`,
	} {
		if !strings.Contains(string(text), want) {
			t.Errorf("%s is not in %s", want, text)
		}
	}
	if want := "new, copied from host, with slave mounts\n"; !strings.Contains(p.String(), want) {
		t.Errorf("%q is not in\n%s", want, p)
	}
}
