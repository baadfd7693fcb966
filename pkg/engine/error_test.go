package engine_test

import (
	"context"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/docker/docker/client"

	"github.com/nsjoin/docker-nsjoin/pkg/engine"
	"github.com/nsjoin/docker-nsjoin/pkg/ns"
	"github.com/nsjoin/docker-nsjoin/pkg/request"
)

// newClient returns a real client, since it decides what an error is: only the server behind it is fake.
func newClient(t *testing.T, host string) *client.Client {
	t.Helper()
	c, err := client.NewClientWithOpts(client.WithHost(host), client.WithVersion("1.44"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// answerAlways returns a client of an engine that gives the same answer to every request.
func answerAlways(t *testing.T, status int, body string) *client.Client {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		fmt.Fprint(w, body)
	}))
	t.Cleanup(server.Close)
	return newClient(t, "tcp://"+server.Listener.Addr().String())
}

func TestEngineErrors(t *testing.T) {
	for _, row := range []struct {
		name   string
		status int
		body   string
		want   string
	}{
		{
			"no such container",
			http.StatusNotFound, `{"message":"No such container: web"}`,
			"no such container: \"web\"\nhint: docker ps lists the running containers\n",
		},
		{
			"a prefix of several IDs",
			http.StatusBadRequest, `{"message":"Multiple IDs found with provided prefix: web"}`,
			"find container \"web\": Multiple IDs found with provided prefix: web\n",
		},
		{
			"an error of the engine",
			http.StatusInternalServerError, `{"message":"disk is full"}`,
			"find container \"web\": disk is full\n",
		},
		{
			"a refusal of the engine",
			http.StatusForbidden, `{"message":"authorization denied by plugin"}`,
			"find container \"web\": authorization denied by plugin\n",
		},
		{
			"the text of a message decides nothing",
			http.StatusInternalServerError, `{"message":"layer: No such container: web: not found"}`,
			"find container \"web\": layer: No such container: web: not found\n",
		},
		{
			"control characters in a message",
			http.StatusInternalServerError, `{"message":"\u001b[2J"}`,
			"find container \"web\": \\u001b[2J\n",
		},
		{
			"an incomplete answer",
			http.StatusOK, `{"Id":"0f","Name":`,
			"ask the engine for container \"web\": the engine's answer is incomplete\nhint: docker context ls shows which engine is used\n",
		},
		{
			"an empty answer",
			http.StatusOK, ``,
			"ask the engine for container \"web\": the engine's answer is empty\nhint: docker context ls shows which engine is used\n",
		},
		{
			"an answer that is not JSON",
			http.StatusOK, `<html>hello</html>`,
			"ask the engine for container \"web\": the answer is not a Docker engine's: invalid character '<' looking for beginning of value\n" +
				"hint: docker context ls shows which engine is used\n",
		},
		{
			"JSON of another type",
			http.StatusOK, `[]`,
			"ask the engine for container \"web\": the answer is not a Docker engine's: " +
				"json: cannot unmarshal array into Go value of type container.InspectResponse\n" +
				"hint: docker context ls shows which engine is used\n",
		},
		{
			"an answer without an ID",
			http.StatusOK, `{"State":{"Status":"running","Running":true,"Pid":42},"Config":{}}`,
			"find container \"web\": the engine's answer has no ID, state or configuration\n",
		},
		{
			"an answer about another container",
			http.StatusOK, `{"Id":"1e","Name":"/app","State":{"Status":"running","Running":true,"Pid":42},"Config":{}}`,
			"find container \"web\": the engine's answer is about container \"app\"\n",
		},
		{
			"an empty object",
			http.StatusOK, `{}`,
			"find container \"web\": the engine's answer has no ID, state or configuration\n",
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			r := &request.Request{Base: containerSource("web")}
			_, err := engine.Resolve(t.Context(), answerAlways(t, row.status, row.body), r)
			got := report(t, err)
			if want := "docker nsjoin: " + row.want; got != want {
				t.Errorf("got %q\nwant %q", got, want)
			}
			if r.Base.PID != 0 || r.Base.Container != nil {
				t.Errorf("Resolve has set %+v although it failed", r.Base)
			}
		})
	}
}

func TestResolveReadsTheAnswer(t *testing.T) {
	const body = `{"Id":"0f","State":{"Status":"running","Running":true,"Pid":42},"Config":{"Env":["A=1"],"User":"app"},"HostConfig":{"GroupAdd":["x"]}}`
	r := &request.Request{Base: containerSource("web"), Take: ns.All()}
	if _, err := engine.Resolve(t.Context(), answerAlways(t, http.StatusOK, body), r); err != nil {
		t.Fatal(err)
	}
	c := r.Base.Container
	if r.Base.PID != 42 || c.ID != "0f" || c.Env[0] != "A=1" || c.User != "app" || c.GroupAdd[0] != "x" {
		t.Errorf("got %+v with %+v", r.Base, c)
	}
}

// Of a container that only a namespace is taken from, the request says nothing that its environment says.
func TestResolveLeavesOutOtherEnvironments(t *testing.T) {
	const body = `{"Id":"0f","State":{"Status":"running","Running":true,"Pid":42},"Config":{"Env":["A=1"],"User":"app"},"HostConfig":{"GroupAdd":["x"]}}`
	r := &request.Request{
		Base: containerSource("0"), Take: ns.All(),
		Overrides: map[ns.Kind]request.Source{ns.Net: containerSource("0f"), ns.IPC: containerSource("0")},
	}
	if _, err := engine.Resolve(t.Context(), answerAlways(t, http.StatusOK, body), r); err != nil {
		t.Fatal(err)
	}
	want := &request.Container{ID: "0f"}
	if c := r.Overrides[ns.Net].Container; !reflect.DeepEqual(c, want) {
		t.Errorf("got %+v", c)
	}
	if r.Base.Container.User != "app" || r.Overrides[ns.IPC].Container.User != "app" {
		t.Errorf("the identity's container is %+v", r.Base.Container)
	}
}

func TestAnswerAboutAnotherContainerIsRefused(t *testing.T) {
	const body = `{"Id":"0f5e","Name":"/app","State":{"Status":"running","Running":true,"Pid":42},"Config":{}}`
	for asked, want := range map[string]bool{
		"app": true, "/app": true, "0f": true, "0f5e": true, "web/alias": true, "web": false, "ap": false, "5e": false,
	} {
		_, err := engine.Resolve(t.Context(), answerAlways(t, http.StatusOK, body), &request.Request{Base: containerSource(asked)})
		if (err == nil) != want {
			t.Errorf("asked for %q: %v; want it accepted: %t", asked, err, want)
		}
	}
}

func TestUnreachableEngine(t *testing.T) {
	socket := "unix://" + filepath.Join(t.TempDir(), "none")
	_, err := engine.Resolve(t.Context(), newClient(t, socket), &request.Request{Base: containerSource("web")})
	got := report(t, err)
	for _, part := range []string{
		"docker nsjoin: ask the engine for container \"web\": ", socket,
		"\nhint: docker context ls shows which engine is used\n",
	} {
		if !strings.Contains(got, part) {
			t.Errorf("%q does not contain %q", got, part)
		}
	}
	if !client.IsErrConnectionFailed(err) {
		t.Errorf("%v has lost its cause", err)
	}
}

// Most users who get this error are not in the docker group.
func TestSocketIsForbidden(t *testing.T) {
	dial := func(context.Context, string, string) (net.Conn, error) {
		return nil, &net.OpError{Op: "dial", Net: "unix", Err: os.NewSyscallError("connect", fs.ErrPermission)}
	}
	c, err := client.NewClientWithOpts(client.WithHost("unix:///forbidden"), client.WithDialContext(dial), client.WithVersion("1.41"))
	if err != nil {
		t.Fatal(err)
	}
	_, err = engine.Resolve(t.Context(), c, &request.Request{Base: containerSource("web")})
	const want = "docker nsjoin: ask the engine for container \"web\": dial unix: connect: permission denied\n" +
		"hint: this user may not use the engine's socket: use sudo, or add the user to the docker group\n"
	if got := report(t, err); got != want {
		t.Errorf("got %q\nwant %q", got, want)
	}
}

func TestEngineClosesConnection(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		c, _, err := http.NewResponseController(w).Hijack()
		if err == nil {
			c.Close()
		}
	}))
	defer server.Close()
	_, err := engine.Resolve(t.Context(), newClient(t, "tcp://"+server.Listener.Addr().String()), &request.Request{Base: containerSource("web")})
	const want = "docker nsjoin: ask the engine for container \"web\": the engine closed the connection without an answer\n" +
		"hint: docker context ls shows which engine is used\n"
	if got := report(t, err); got != want {
		t.Errorf("got %q\nwant %q", got, want)
	}
}

func TestResolveInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := engine.Resolve(ctx, answerAlways(t, http.StatusOK, `{}`), &request.Request{Base: containerSource("web")})
	const want = "docker nsjoin: ask the engine for container \"web\": interrupted\n"
	if got := report(t, err); got != want {
		t.Errorf("got %q\nwant %q", got, want)
	}
}
