package engine_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"github.com/docker/docker/client"

	"github.com/nsjoin/docker-nsjoin/pkg/engine"
	"github.com/nsjoin/docker-nsjoin/pkg/request"
)

// Errors come from the engine's own client here, since it is the client that
// decides what they are: only the server behind it is made up.
func dial(t *testing.T, host string) *client.Client {
	t.Helper()
	c, err := client.NewClientWithOpts(client.WithHost(host), client.WithVersion("1.44"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// answering is an engine that gives the same answer to everything.
func answering(t *testing.T, status int, body string) *client.Client {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		fmt.Fprint(w, body)
	}))
	t.Cleanup(server.Close)
	return dial(t, "tcp://"+server.Listener.Addr().String())
}

func TestErrorsOfTheEngine(t *testing.T) {
	for _, row := range []struct {
		name   string
		status int
		body   string
		want   string
	}{
		{
			"no such container",
			http.StatusNotFound, `{"message":"No such container: web"}`,
			"no such container: \"web\"\nhint: docker ps lists the running ones\n",
		},
		{
			"the beginning of several IDs",
			http.StatusBadRequest, `{"message":"Multiple IDs found with provided prefix: web"}`,
			"find container \"web\": Multiple IDs found with provided prefix: web\n",
		},
		{
			"an engine that fails",
			http.StatusInternalServerError, `{"message":"disk is full"}`,
			"find container \"web\": disk is full\n",
		},
		{
			"an engine that says no",
			http.StatusForbidden, `{"message":"authorization denied by plugin"}`,
			"find container \"web\": authorization denied by plugin\n",
		},
		{
			"words in the message change nothing",
			http.StatusInternalServerError, `{"message":"layer: No such container: web: not found"}`,
			"find container \"web\": layer: No such container: web: not found\n",
		},
		{
			"a message for the terminal",
			http.StatusInternalServerError, `{"message":"\u001b[2J"}`,
			"find container \"web\": \\u001b[2J\n",
		},
		{
			"half an answer",
			http.StatusOK, `{"Id":"0f","Name":`,
			"ask the engine for container \"web\": its answer was cut off\nhint: docker context ls shows which engine is meant\n",
		},
		{
			"no answer",
			http.StatusOK, ``,
			"ask the engine for container \"web\": its answer is empty\nhint: docker context ls shows which engine is meant\n",
		},
		{
			"what isn't JSON",
			http.StatusOK, `<html>hello</html>`,
			"ask the engine for container \"web\": what answers is no Docker engine: invalid character '<' looking for beginning of value\n" +
				"hint: docker context ls shows which engine is meant\n",
		},
		{
			"JSON of something else",
			http.StatusOK, `[]`,
			"ask the engine for container \"web\": what answers is no Docker engine: " +
				"json: cannot unmarshal array into Go value of type container.InspectResponse\n" +
				"hint: docker context ls shows which engine is meant\n",
		},
		{
			"an answer without an ID",
			http.StatusOK, `{"State":{"Status":"running","Running":true,"Pid":42},"Config":{}}`,
			"find container \"web\": the engine's answer has no state\n",
		},
		{
			"an answer about another container",
			http.StatusOK, `{"Id":"1e","Name":"/app","State":{"Status":"running","Running":true,"Pid":42},"Config":{}}`,
			"find container \"web\": the engine's answer is about another one, \"app\"\n",
		},
		{
			"an answer that says nothing",
			http.StatusOK, `{}`,
			"find container \"web\": the engine's answer has no state\n",
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			r := &request.Request{Base: named("web")}
			_, err := engine.Resolve(t.Context(), answering(t, row.status, row.body), r)
			got := reported(t, err)
			if want := "docker nsjoin: " + row.want; got != want {
				t.Errorf("it says %q\nwant %q", got, want)
			}
			if r.Base.PID != 0 || r.Base.Container != nil {
				t.Errorf("it gives %+v besides its error", r.Base)
			}
		})
	}
}

func TestAnswerOfTheEngineIsRead(t *testing.T) {
	const body = `{"Id":"0f","State":{"Status":"running","Running":true,"Pid":42},"Config":{"Env":["A=1"]}}`
	r := &request.Request{Base: named("web")}
	if _, err := engine.Resolve(t.Context(), answering(t, http.StatusOK, body), r); err != nil {
		t.Fatal(err)
	}
	if r.Base.PID != 42 || r.Base.Container.ID != "0f" || r.Base.Container.Env[0] != "A=1" {
		t.Errorf("it is %+v with %+v", r.Base, r.Base.Container)
	}
}

func TestContainerIsTheOneThatWasAskedFor(t *testing.T) {
	const body = `{"Id":"0f5e","Name":"/app","State":{"Status":"running","Running":true,"Pid":42},"Config":{}}`
	for asked, want := range map[string]bool{
		"app": true, "/app": true, "0f": true, "0f5e": true, "web/alias": true, "web": false, "ap": false, "5e": false,
	} {
		_, err := engine.Resolve(t.Context(), answering(t, http.StatusOK, body), &request.Request{Base: named(asked)})
		if (err == nil) != want {
			t.Errorf("asked for %q: %v; want it taken: %v", asked, err, want)
		}
	}
}

func TestEngineThatIsNotThere(t *testing.T) {
	socket := "unix://" + filepath.Join(t.TempDir(), "none")
	_, err := engine.Resolve(t.Context(), dial(t, socket), &request.Request{Base: named("web")})
	got := reported(t, err)
	for _, part := range []string{
		"docker nsjoin: ask the engine for container \"web\": ", socket,
		"\nhint: docker context ls shows which engine is meant\n",
	} {
		if !strings.Contains(got, part) {
			t.Errorf("it says %q, without %q", got, part)
		}
	}
	if !client.IsErrConnectionFailed(err) {
		t.Errorf("%v has lost its cause", err)
	}
}

func TestEngineThatHangsUp(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		c, _, err := http.NewResponseController(w).Hijack()
		if err == nil {
			c.Close()
		}
	}))
	defer server.Close()
	_, err := engine.Resolve(t.Context(), dial(t, "tcp://"+server.Listener.Addr().String()), &request.Request{Base: named("web")})
	const want = "docker nsjoin: ask the engine for container \"web\": it hung up without an answer\n" +
		"hint: docker context ls shows which engine is meant\n"
	if got := reported(t, err); got != want {
		t.Errorf("it says %q\nwant %q", got, want)
	}
}

func TestInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := engine.Resolve(ctx, answering(t, http.StatusOK, `{}`), &request.Request{Base: named("web")})
	const want = "docker nsjoin: ask the engine for container \"web\": interrupted\n"
	if got := reported(t, err); got != want {
		t.Errorf("it says %q\nwant %q", got, want)
	}
}
