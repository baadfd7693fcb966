package request_test

import (
	"testing"

	"github.com/nsjoin/docker-nsjoin/pkg/ns"
	"github.com/nsjoin/docker-nsjoin/pkg/request"
)

// The source of a new namespace that is a copy is the one the kind would have otherwise. One
// that begins empty has no source.
func TestSourceOfANewNamespace(t *testing.T) {
	web := container("web")
	all := make(map[ns.Kind]request.Source)
	for _, k := range ns.Kinds() {
		all[k] = private()
	}
	copied := ns.SetOf(ns.Mnt, ns.UTS, ns.Time)
	for _, row := range []struct {
		name string
		take ns.Set
		base request.Source
		want request.Source
	}{
		{"over a container", ns.All(), web, web},
		{"over a process", ns.All(), process(7), process(7)},
		{"over the host", ns.All(), request.Host(), request.Host()},
		{"of a kind that is not joined", 0, web, request.Host()},
	} {
		r := &request.Request{Base: row.base, Take: row.take, Overrides: all}
		for _, k := range ns.Kinds() {
			want := private()
			if copied.Has(k) {
				want = row.want
			}
			if got := r.Source(k); got != want || !r.New(k) {
				t.Errorf("%s: %s comes from %s, new: %v; want %s", row.name, k, got, r.New(k), want)
			}
		}
	}
	r := &request.Request{Base: web, Take: ns.All(), Overrides: map[ns.Kind]request.Source{ns.Net: request.Host()}}
	for _, k := range ns.Kinds() {
		if r.New(k) {
			t.Errorf("%s is new", k)
		}
	}
}
