package request_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"reflect"
	"strings"
	"testing"

	"github.com/nsjoin/docker-nsjoin/pkg/ns"
	"github.com/nsjoin/docker-nsjoin/pkg/request"
)

func TestSource(t *testing.T) {
	web, app := container("web"), container("app")
	net := func(s request.Source) map[ns.Kind]request.Source {
		return map[ns.Kind]request.Source{ns.Net: s}
	}
	for _, row := range []struct {
		name    string
		request request.Request
		net     request.Source
		others  request.Source
	}{
		{
			"all kinds of web",
			request.Request{Base: web, Take: ns.All()},
			web, web,
		},
		{
			"--only net",
			request.Request{Base: web, Take: ns.SetOf(ns.Net)},
			web, request.Host(),
		},
		{
			"--except net",
			request.Request{Base: web, Take: ns.All().Without(ns.SetOf(ns.Net))},
			request.Host(), web,
		},
		{
			"--net overrides the base",
			request.Request{Base: app, Take: ns.All(), Overrides: net(web)},
			web, app,
		},
		{
			"--net host overrides the base",
			request.Request{Base: app, Take: ns.All(), Overrides: net(request.Host())},
			request.Host(), app,
		},
		{
			"--net overrides --except net",
			request.Request{Base: app, Take: ns.All().Without(ns.SetOf(ns.Net)), Overrides: net(web)},
			web, app,
		},
		{
			"--net is added to --only uts",
			request.Request{Base: app, Take: ns.SetOf(ns.UTS), Overrides: net(web)},
			web, request.Host(),
		},
		{
			"--net without a base",
			request.Request{Base: request.Host(), Take: ns.All(), Overrides: net(process(7))},
			process(7), request.Host(),
		},
		{
			"host as the base",
			request.Request{Base: request.Host(), Take: ns.All()},
			request.Host(), request.Host(),
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			if got := row.request.Source(ns.Net); got != row.net {
				t.Errorf("net comes from %s, want %s", got, row.net)
			}
			for _, k := range ns.Kinds() {
				want := row.others
				if k == ns.Net || k == ns.UTS && row.request.Take == ns.SetOf(ns.UTS) {
					continue
				}
				if got := row.request.Source(k); got != want {
					t.Errorf("%s comes from %s, want %s", k, got, want)
				}
			}
		})
	}
}

func TestWriteThenRead(t *testing.T) {
	web := request.Source{
		From: request.FromContainer, Name: "web", PID: 4711,
		Container: &request.Container{
			ID: strings.Repeat("0f", 32), Env: []string{"A=1", "B=\x00<&>\u2028"},
			User: "web:www", GroupAdd: []string{"audio", "27"},
		},
	}
	for _, want := range []request.Request{
		{Version: request.Version},
		{Version: request.Version, Base: web, Take: ns.All(), Terminal: request.TerminalAuto},
		{
			Version: request.Version, Base: request.Host(), Take: ns.SetOf(ns.Net, ns.UTS),
			Overrides: map[ns.Kind]request.Source{ns.Net: web, ns.User: process(1)},
			Command:   []string{"sh", "-c", "echo \"$0\"\n", ""},
			CallerEnv: []string{"HOME=/root", "EMPTY="},
			Terminal:  request.TerminalNever, DryRun: request.OutputJSON,
			DetachKeys: []byte{16, 17, 0, 255},
			Exec: request.Exec{
				User: "1000:audio", Dir: "/a b", Env: []string{"A=1", "B", "C=="}, Privileged: true, Detach: true,
			},
		},
	} {
		var document bytes.Buffer
		if err := want.Write(&document); err != nil {
			t.Fatal(err)
		}
		got, err := request.Read(&document)
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(*got, want) {
			t.Errorf("read %+v\nwritten %+v", *got, want)
		}
	}
}

// The options of docker exec are fields of the request itself.
func TestReadOptionsOfExec(t *testing.T) {
	got, err := request.Read(strings.NewReader(
		`{"version":1,"user":"web","dir":"/srv","env":["A=1"],"privileged":true,"detach":true,"detachKeys":"EBE="}`))
	if err != nil {
		t.Fatal(err)
	}
	want := request.Exec{User: "web", Dir: "/srv", Env: []string{"A=1"}, Privileged: true, Detach: true}
	if !reflect.DeepEqual(got.Exec, want) || string(got.DetachKeys) != "\x10\x11" {
		t.Errorf("read %+v and %q, want %+v", got.Exec, got.DetachKeys, want)
	}
}

func TestReadRefuses(t *testing.T) {
	for _, row := range []struct{ name, document, message string }{
		{"an older version", `{"version":0}`, "read request: version 0, this helper knows 1"},
		{"a newer version", `{"version":2}`, "read request: version 2, this helper knows 1"},
		{"no version", `{}`, "read request: version 0, this helper knows 1"},
		{"an unknown kind", `{"version":1,"take":"net,files"}`, `unknown kind of namespace "files"`},
		{"an unknown kind as a key", `{"version":1,"overrides":{"files":{"from":"host"}}}`, `unknown kind of namespace "files"`},
		{"a number as a command", `{"version":1,"command":[1]}`, "read request: json:"},
		{"text that is not JSON", `nsjoin`, "read request: invalid character"},
	} {
		t.Run(row.name, func(t *testing.T) {
			r, err := request.Read(strings.NewReader(row.document))
			if err == nil {
				t.Fatalf("it is accepted as %+v", r)
			}
			if !strings.Contains(err.Error(), row.message) {
				t.Errorf("%q is refused with %q, want %q", row.document, err, row.message)
			}
		})
	}
}

// A writer that is killed leaves a document truncated at any length.
func TestReadRefusesATruncatedDocument(t *testing.T) {
	var document bytes.Buffer
	r := request.Request{Version: request.Version, Base: container("web"), Take: ns.All(), Command: []string{"true"}}
	if err := r.Write(&document); err != nil {
		t.Fatal(err)
	}
	whole := strings.TrimSpace(document.String())
	for n := range len(whole) {
		_, err := request.Read(strings.NewReader(whole[:n]))
		if _, ok := errors.AsType[*json.SyntaxError](err); !ok || !strings.HasPrefix(err.Error(), "read request: ") {
			t.Fatalf("after %d of %d bytes: %v", n, len(whole), err)
		}
	}
}

func TestReadReturnsTheReadersError(t *testing.T) {
	broken := errors.New("broken")
	if _, err := request.Read(io.MultiReader(strings.NewReader(`{"version":`), failing{broken})); !errors.Is(err, broken) {
		t.Errorf("error %v, want %v", err, broken)
	}
}

// A request without an end is read only up to maxSize.
func TestReadIsLimited(t *testing.T) {
	endless := &counting{from: io.MultiReader(strings.NewReader(`{"version":1,"command":["`), letters{})}
	if r, err := request.Read(endless); err == nil {
		t.Fatalf("it is accepted as %+v", r)
	}
	if bound := int64(64 << 20); endless.read != bound {
		t.Errorf("%d bytes were read, want %d", endless.read, bound)
	}
}

func TestWriteReturnsTheWritersError(t *testing.T) {
	broken := errors.New("broken")
	r := request.Request{Version: request.Version}
	if err := r.Write(failing{broken}); !errors.Is(err, broken) {
		t.Errorf("error %v, want %v", err, broken)
	}
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error)  { return 0, f.err }
func (f failing) Write([]byte) (int, error) { return 0, f.err }

// letters is an endless reader of a letter.
type letters struct{}

func (letters) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 'x'
	}
	return len(p), nil
}

type counting struct {
	from io.Reader
	read int64
}

func (c *counting) Read(p []byte) (int, error) {
	n, err := c.from.Read(p)
	c.read += int64(n)
	return n, err
}
