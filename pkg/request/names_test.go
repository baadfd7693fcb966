package request_test

import (
	"reflect"
	"strings"
	"testing"

	"github.com/nsjoin/docker-nsjoin/pkg/ns"
	"github.com/nsjoin/docker-nsjoin/pkg/request"
)

func TestParseNames(t *testing.T) {
	for value, want := range map[string]*request.Names{
		"host":            nil,
		"container:web":   {Source: container("web"), Asked: true},
		"files:web":       {Source: container("web"), Asked: true, Files: true},
		"container:a:b":   {Source: container("a:b"), Asked: true},
		"container:host":  {Source: container("host"), Asked: true},
		"files:container": {Source: container("container"), Asked: true, Files: true},
	} {
		if got, err := request.ParseNames(value); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%q: %+v, %v", value, got, err)
		}
	}
	for _, value := range []string{"", "web", "container:", "files:", "host:x", "private", "pid:7", "ns:/proc/1/ns/net", "Host"} {
		if got, err := request.ParseNames(value); err == nil || !strings.Contains(err.Error(), `"`+value+`": must be one of `+request.NameSources) {
			t.Errorf("%q: %+v, %v", value, got, err)
		}
	}
}

func TestDefaultNames(t *testing.T) {
	web, app := container("web"), container("app")
	over := func(k ns.Kind, s request.Source) map[ns.Kind]request.Source { return map[ns.Kind]request.Source{k: s} }
	for _, row := range []struct {
		name    string
		request request.Request
		of      string // "" for none
	}{
		{"--only net web", request.Request{Base: web, Take: ns.SetOf(ns.Net)}, "web"},
		{"--except mnt web", request.Request{Base: web, Take: ns.All().Without(ns.SetOf(ns.Mnt))}, "web"},
		{"--net container:web --", request.Request{Base: request.Host(), Take: ns.All(), Overrides: over(ns.Net, web)}, "web"},
		{"--net container:web --only pid app", request.Request{Base: app, Take: ns.SetOf(ns.PID), Overrides: over(ns.Net, web)}, "web"},
		{"--mnt private --only net web", request.Request{Base: web, Take: ns.SetOf(ns.Net), Overrides: over(ns.Mnt, private())}, "web"},
		{"web", request.Request{Base: web, Take: ns.All()}, ""},
		{"--net container:web app", request.Request{Base: app, Take: ns.All(), Overrides: over(ns.Net, web)}, ""},
		{"--mnt private web", request.Request{Base: web, Take: ns.All(), Overrides: over(ns.Mnt, private())}, ""},
		{"--mnt host web", request.Request{Base: web, Take: ns.All(), Overrides: over(ns.Mnt, request.Host())}, ""},
		{"--only uts web", request.Request{Base: web, Take: ns.SetOf(ns.UTS)}, ""},
		{"--net pid:7 --", request.Request{Base: request.Host(), Take: ns.All(), Overrides: over(ns.Net, process(7))}, ""},
		{"--net private --", request.Request{Base: request.Host(), Take: ns.All(), Overrides: over(ns.Net, private())}, ""},
		{"pid:7", request.Request{Base: process(7), Take: ns.All()}, ""},
	} {
		got := row.request.DefaultNames()
		switch {
		case row.of == "" && got != nil, row.of != "" && got == nil:
			t.Errorf("%s: %+v", row.name, got)
		case got != nil && (got.Source != container(row.of) || got.Asked || got.Files):
			t.Errorf("%s: %+v", row.name, got)
		}
	}
}
