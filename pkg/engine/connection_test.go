package engine_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	eventtypes "github.com/docker/docker/api/types/events"
	"github.com/docker/docker/client"

	"github.com/nsjoin/docker-nsjoin/pkg/engine"
)

// newTestConnection connects to an engine with API versions from oldest to newest, and records requests.
func newTestConnection(t *testing.T, oldest, newest string) (*engine.Connection, *[]string) {
	t.Helper()
	var paths []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		paths = append(paths, r.Method+" "+r.URL.Path)
		w.Header().Set("Api-Version", newest)
		w.Header().Set("Content-Type", "application/json")
		_, rest, versioned := strings.Cut(r.URL.Path, "/v")
		if version, _, _ := strings.Cut(rest, "/"); versioned && (version < oldest || version > newest) {
			w.WriteHeader(http.StatusBadRequest)
			_, _ = w.Write([]byte(`{"message":"client version ` + version + ` is too old or too new"}`))
			return
		}
		_, _ = w.Write([]byte(`{"Id":"abc","State":{"Running":true,"Pid":1},"Config":{}}`))
	}))
	t.Cleanup(server.Close)
	endpoint := []client.Opt{
		client.WithHost("tcp://" + server.Listener.Addr().String()),
		client.WithVersionFromEnv(), client.WithAPIVersionNegotiation(),
	}
	return engine.Connect(endpoint, "test", nil, engine.Register{}, engine.Keep{}), &paths
}

func TestInspectIsOneRoundTrip(t *testing.T) {
	t.Setenv("DOCKER_API_VERSION", "")
	c, paths := newTestConnection(t, "1.12", "1.50")
	if _, err := c.ContainerInspect(t.Context(), "web"); err != nil {
		t.Fatal(err)
	}
	if want := []string{"GET /v1.41/containers/web/json"}; !slices.Equal(*paths, want) {
		t.Errorf("asked %q, want %q", *paths, want)
	}
}

// An engine answers to a name of slashes as if all containers were asked for.
func TestInspectNothing(t *testing.T) {
	c, paths := newTestConnection(t, "1.12", "1.50")
	for _, name := range []string{"", "/", "//"} {
		if _, err := c.ContainerInspect(t.Context(), name); err == nil || err.Error() != "the container's name is empty" || len(*paths) > 0 {
			t.Errorf("%q: %v, asked %q", name, err, *paths)
		}
	}
}

// Engine 29 doesn't support API versions before 1.44.
func TestInspectWithoutOldAPIVersion(t *testing.T) {
	t.Setenv("DOCKER_API_VERSION", "")
	c, paths := newTestConnection(t, "1.44", "1.47")
	found, err := c.ContainerInspect(t.Context(), "web")
	if err != nil || found.ID != "abc" {
		t.Errorf("found %q, %v", found.ID, err)
	}
	want := []string{"GET /v1.41/containers/web/json", "HEAD /_ping", "GET /v1.47/containers/web/json"}
	if !slices.Equal(*paths, want) {
		t.Errorf("asked %q, want %q", *paths, want)
	}
}

// The second request uses what the first found out.
func TestSecondInspectIsOneRoundTrip(t *testing.T) {
	t.Setenv("DOCKER_API_VERSION", "")
	for _, row := range []struct {
		oldest, newest string
		want           []string
	}{
		{"1.12", "1.50", []string{"GET /v1.41/containers/web/json", "GET /v1.41/containers/app/json"}},
		{"1.44", "1.47", []string{
			"GET /v1.41/containers/web/json", "HEAD /_ping", "GET /v1.47/containers/web/json", "GET /v1.47/containers/app/json",
		}},
	} {
		c, paths := newTestConnection(t, row.oldest, row.newest)
		for _, name := range []string{"web", "app"} {
			if _, err := c.ContainerInspect(t.Context(), name); err != nil {
				t.Fatal(err)
			}
		}
		if !slices.Equal(*paths, row.want) {
			t.Errorf("asked %q, want %q", *paths, row.want)
		}
	}
}

// A request that needs a newer version gets it, also after ContainerInspect.
func TestNegotiatedAfterInspect(t *testing.T) {
	t.Setenv("DOCKER_API_VERSION", "")
	c, paths := newTestConnection(t, "1.12", "1.50")
	if _, err := c.ContainerInspect(t.Context(), "web"); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		to, err := c.Negotiated(t.Context())
		if err != nil || to.ClientVersion() != "1.50" {
			t.Errorf("it speaks %q, %v", to.ClientVersion(), err)
		}
	}
	if want := []string{"GET /v1.41/containers/web/json", "HEAD /_ping"}; !slices.Equal(*paths, want) {
		t.Errorf("asked %q, want %q", *paths, want)
	}
}

// A connection keeps what it has negotiated while another request had begun before and ends later.
func TestNegotiatedDuringInspect(t *testing.T) {
	t.Setenv("DOCKER_API_VERSION", "")
	asked, answer := make(chan bool), make(chan bool)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Api-Version", "1.50")
		w.Header().Set("Content-Type", "application/json")
		if r.URL.Path == "/v1.41/containers/web/json" {
			asked <- true
			<-answer
		}
		_, _ = w.Write([]byte(`{"Id":"abc"}`))
	}))
	defer server.Close()
	c := engine.Connect([]client.Opt{client.WithHost("tcp://" + server.Listener.Addr().String()), client.WithAPIVersionNegotiation()},
		"test", nil, engine.Register{}, engine.Keep{})
	ended := make(chan error, 1)
	go func() {
		_, err := c.ContainerInspect(t.Context(), "web")
		ended <- err
	}()
	<-asked
	before, err := c.Negotiated(t.Context())
	close(answer)
	if err := errors.Join(err, <-ended); err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	for range 5 { // for go test -race
		all.Go(func() {
			if _, err := c.ContainerInspect(t.Context(), "app"); err != nil {
				t.Error(err)
			}
			if to, err := c.Negotiated(t.Context()); to != before || err != nil || to.ClientVersion() != "1.50" {
				t.Errorf("another client that speaks %s, %v", to.ClientVersion(), err)
			}
		})
	}
	all.Wait()
}

func TestInspectWithAPIVersionFromEnvironment(t *testing.T) {
	t.Setenv("DOCKER_API_VERSION", "1.43")
	c, paths := newTestConnection(t, "1.12", "1.50")
	if _, err := c.ContainerInspect(t.Context(), "web"); err != nil {
		t.Fatal(err)
	}
	if want := []string{"GET /v1.43/containers/web/json"}; !slices.Equal(*paths, want) {
		t.Errorf("asked %q, want %q", *paths, want)
	}
}

// An answer that does not end is an error, and does not take all memory. Events have no end.
func TestAnswerWithoutEnd(t *testing.T) {
	t.Setenv("DOCKER_API_VERSION", "")
	const events = 70 << 20
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		part := []byte(`{"Action":"` + strings.Repeat("x", 1<<20) + `"}`)
		sent := 0
		if !strings.HasSuffix(r.URL.Path, "/events") {
			part, sent = []byte(`{"Id":"`+strings.Repeat("x", 1<<20)), -1<<40
		}
		for ; sent < events; sent += len(part) {
			if _, err := w.Write(part); err != nil {
				return
			}
			part = []byte(strings.ReplaceAll(string(part), `{"Id":"`, "xxxxxxx"))
		}
	}))
	defer server.Close()
	c := engine.Connect([]client.Opt{client.WithHost("tcp://" + server.Listener.Addr().String())}, "test", nil, engine.Register{}, engine.Keep{})
	if _, err := c.ContainerInspect(t.Context(), "web"); err == nil || err.Error() != "the engine's answer is longer than 64 MiB" {
		t.Error(err)
	}
	to, err := c.Client()
	if err != nil {
		t.Fatal(err)
	}
	came, failed := to.Events(t.Context(), eventtypes.ListOptions{})
	count := 0
	for {
		select {
		case <-came:
			count++
			continue
		case err = <-failed:
		}
		break
	}
	if !errors.Is(err, io.EOF) || count < events>>20 {
		t.Errorf("%d events, %v", count, err)
	}
}
