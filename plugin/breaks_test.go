//go:build linux

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/pkg/helperimage"
)

// breaks is the way in which an engine fails at a request.
type breaks string

const (
	answersNothing breaks = "no answer"
	hangsUp        breaks = "connection closed"
	losesAnswer    breaks = "done, connection closed"
	diskIsFull     breaks = "disk full"
	keepsAnswer    breaks = "done, no answer"
)

// breakingEngine forwards requests to the test's engine and fails at one of them.
type breakingEngine struct {
	host  string
	at    string // METHOD PATH, the path without the version and with * for a container
	how   breaks
	conns sync.Map // open connections, by net.Conn
	lock  sync.Mutex
	asked []string      // all requests
	named []string      // names of the containers that it was asked to create
	broke chan struct{} // closed at the request
	// unloaded are the IDs of images that it has only after a request to load one.
	unloaded []string
}

func newBreakingEngine(t *testing.T, engine testEngine, at string, how breaks) *breakingEngine {
	t.Helper()
	behind, err := url.Parse(engine.host)
	if err != nil || behind.Scheme != "unix" {
		t.Skipf("it forwards to a Unix socket, not to %s", engine.host)
	}
	dir, err := os.MkdirTemp("", "nsjoin") //nolint:usetesting // t.TempDir is too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	listener, err := net.Listen("unix", filepath.Join(dir, "engine.sock"))
	if err != nil {
		t.Fatal(err)
	}
	e := &breakingEngine{host: "unix://" + listener.Addr().String(), at: at, how: how, broke: make(chan struct{})}
	forward := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) { r.Out.URL.Scheme, r.Out.URL.Host = "http", "engine" },
		Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", behind.Path)
		}},
		FlushInterval: -1,
		ErrorHandler:  func(w http.ResponseWriter, _ *http.Request, _ error) { hangUp(w) },
	}
	server := &http.Server{
		ReadHeaderTimeout: time.Minute,
		ConnState: func(c net.Conn, state http.ConnState) {
			if state == http.StateNew {
				e.conns.Store(c, nil)
			}
		},
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { e.serve(w, r, forward) }),
	}
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(func() { server.Close() })
	return e
}

var inPath = regexp.MustCompile(`^/v[0-9.]+|/[0-9a-f]{64}|/web-[^/]+`)

func (e *breakingEngine) serve(w http.ResponseWriter, r *http.Request, forward http.Handler) {
	question := r.Method + " " + inPath.ReplaceAllStringFunc(r.URL.Path, func(part string) string {
		if strings.HasPrefix(part, "/v") {
			return ""
		}
		return "/*"
	})
	e.lock.Lock()
	at := e.at
	first := question == at
	for _, q := range e.asked {
		first = first && q != at
	}
	e.asked = append(e.asked, question)
	if strings.HasSuffix(r.URL.Path, "/containers/create") {
		e.named = append(e.named, r.URL.Query().Get("name"))
	}
	unloaded := e.unloaded
	if question == loadImage && e.how == "" {
		e.unloaded = nil
	}
	e.lock.Unlock()
	if len(unloaded) > 0 && strings.HasSuffix(question, "/containers/create") && lacksImage(w, r, unloaded) {
		return
	}
	if question != at || e.how == "" {
		forward.ServeHTTP(w, r)
		return
	}
	if first {
		defer close(e.broke)
	}
	switch e.how {
	case answersNothing, keepsAnswer:
		if e.how == keepsAnswer {
			forward.ServeHTTP(&lost{header: make(http.Header)}, r)
		}
		if first {
			e.broke <- struct{}{}
		}
		<-r.Context().Done()
	case losesAnswer:
		forward.ServeHTTP(&lost{header: make(http.Header)}, r)
		hangUp(w)
	case diskIsFull:
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusInternalServerError)
		fmt.Fprint(w, `{"message":"mkdir /var/lib/docker/overlay2/x: no space left on device"}`)
	default:
		hangUp(w)
	}
}

const loadImage = "POST /images/load"

// lacksImage answers a request for a container of one of these images as an engine without them.
func lacksImage(w http.ResponseWriter, r *http.Request, images []string) bool {
	text, err := io.ReadAll(r.Body)
	var config struct{ Image string }
	if err != nil || json.Unmarshal(text, &config) != nil {
		hangUp(w)
		return true
	}
	r.Body = io.NopCloser(bytes.NewReader(text))
	if !slices.Contains(images, config.Image) {
		return false
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusNotFound)
	fmt.Fprintf(w, `{"message":"No such image: %s"}`, config.Image)
	return true
}

// cut closes all connections.
func (e *breakingEngine) cut() {
	e.conns.Range(func(c, _ any) bool { c.(net.Conn).Close(); return true })
}

// heal makes it answer every later request.
func (e *breakingEngine) heal() {
	e.lock.Lock()
	defer e.lock.Unlock()
	e.at = ""
}

// hangUp closes the connection of a request.
func hangUp(w http.ResponseWriter) {
	if c, _, err := http.NewResponseController(w).Hijack(); err == nil {
		c.Close()
	}
}

// lost is a response writer that discards the answer.
type lost struct{ header http.Header }

func (l *lost) Header() http.Header            { return l.header }
func (l *lost) WriteHeader(int)                {}
func (l *lost) Write(text []byte) (int, error) { return len(text), nil }

// The plugin starts a helper container in several steps. If one of them fails, one line
// reports it and nothing is left.
func TestBreaksWhileTheHelperStarts(t *testing.T) {
	c := newCaller(t)
	engine := engineOfTest(t)
	web := c.container(t)
	for _, row := range []struct{ at, says string }{
		{"GET /containers/*/json", `(ask the engine for|find) container "web-[^"]*"`},
		{"GET /version", "ask for the engine's architecture"},
		{"POST /containers/create", "create the helper's container"},
		{"PUT /containers/*/archive", "copy the helper into its container"},
		{"POST /containers/*/attach", "attach to the helper's container"},
		{"POST /containers/*/wait", "wait for the helper's container"},
		{"POST /containers/*/start", "start the helper's container"},
	} {
		for _, how := range []breaks{hangsUp, losesAnswer, diskIsFull, answersNothing} {
			if how == losesAnswer && strings.HasSuffix(row.at, "/wait") {
				continue // the answer comes only when the container ends
			}
			t.Run(row.at+" "+string(how), func(t *testing.T) {
				status, want := expectation(row.says, row.at, how)
				e := newBreakingEngine(t, engine, row.at, how)
				var flags []string
				if strings.HasSuffix(row.at, "/archive") {
					flags = []string{"--helper-image", testImage}
				}
				expectFailure(t, e, web, status, want, flags...)
				noHelper(t, e)
			})
		}
	}
}

// The helper's own image is loaded if the engine does not have it. If that fails, the helper is copied into a
// container of another image, and only docker --debug says why.
func TestBreaksWithoutTheHelpersImage(t *testing.T) {
	c := newCaller(t)
	engine := engineOfTest(t)
	web := c.container(t)
	own, err := helperimage.New(runtime.GOARCH)
	if err != nil {
		t.Fatal(err)
	}
	loaded := "docker nsjoin: load the image " + own.Name + ", " + own.ID + "\n"
	failed := loaded + "docker nsjoin: load the image " + own.Name + ": .*: the helper is copied into a container of another image\n"
	for how, want := range map[breaks]string{"": loaded, hangsUp: failed, losesAnswer: failed, diskIsFull: failed} {
		t.Run(string(how), func(t *testing.T) {
			e := newBreakingEngine(t, engine, loadImage, how)
			e.unloaded = own.IDs()
			for _, debug := range []string{"1", ""} {
				cmd := (&brokenEngine{host: e.host}).plugin(t, "--via", "engine", web, "echo", "joined")
				cmd.Env = append(cmd.Env, "DOCKER_NSJOIN_DEBUG="+debug)
				pattern := "^$"
				if debug != "" {
					pattern = "^docker nsjoin: via engine: requested by --via\n" + want + "$"
				}
				if out, errs := output(t, cmd); out != "joined\n" || !regexp.MustCompile(pattern).MatchString(errs) {
					t.Errorf("stdout %q, stderr %q, want %s", out, errs, pattern)
				}
			}
			copies := slices.Contains(e.asked, "PUT /containers/*/archive")
			if copies != (how != "") {
				t.Errorf("the helper was copied: %t; requests %q", copies, e.asked)
			}
			noHelper(t, e)
		})
	}
}

// expectFailure runs a command through a helper container on an engine that fails, and checks
// the exit status and the message.
func expectFailure(t *testing.T, e *breakingEngine, web string, status int, want string, flags ...string) {
	t.Helper()
	becomeReaper(t)
	cmd := (&brokenEngine{host: e.host}).plugin(t, append(append([]string{"--via", "engine"}, flags...), web, "echo", "joined")...)
	out, errs := &safeBytes{}, &safeBytes{}
	cmd.Stdout, cmd.Stderr = out, errs
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if e.how == answersNothing {
		<-e.broke
		if err := cmd.Process.Signal(unix.SIGINT); err != nil {
			t.Fatal(err)
		}
	}
	got := ended(t, cmd)
	if said := string(errs.bytes()); got != status || !regexp.MustCompile(want).MatchString(said) || len(out.bytes()) > 0 {
		t.Errorf("exit status %d, stdout %q, stderr %q\nwant %d, %s", got, out.bytes(), said, status, want)
	}
	nothingLeft(t, cmd)
}

// expectation returns the exit status and the message, as a regular expression, for an engine
// that fails at a request. If the engine does not answer, the user interrupts the call.
func expectation(says, at string, how breaks) (status int, want string) {
	switch {
	case how == answersNothing && strings.HasPrefix(says, "("): // there is nothing to clean up yet
		return 130, "^$"
	case how == answersNothing:
		return 125, "^docker nsjoin: interrupted before the command ran\n$"
	case how == diskIsFull && !strings.HasSuffix(at, "/attach"): // for attach, the Docker client drops the message
		return 125, "^docker nsjoin: " + says + ": .*no space left on device\n$"
	}
	return 125, "^docker nsjoin: " + says + ": .*\n(hint: .*\n)?$"
}

// If the client loses the engine while the command runs, the command ends. Here only the
// connections are cut; the helper notices.
func TestBreaksWhileTheCommandRuns(t *testing.T) {
	c := newCaller(t)
	web := c.container(t)
	e := newBreakingEngine(t, engineOfTest(t), "", hangsUp)
	becomeReaper(t)
	cmd := (&brokenEngine{host: e.host}).plugin(t, "--via", "engine", web, "sh", "-c", "echo ready; exec sleep 600")
	out, errs := &safeBytes{}, &safeBytes{}
	cmd.Stdout, cmd.Stderr = out, errs
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the command runs", func() bool { return string(out.bytes()) == "ready\n" })
	e.cut()
	status := ended(t, cmd)
	const want = `^docker nsjoin: connection to the engine lost: .*\nhint: the command ends within a minute; docker ps --filter name=docker-nsjoin-[0-9a-f]{32} shows the helper's container\n$`
	if said := string(errs.bytes()); status != 125 || !regexp.MustCompile(want).MatchString(said) {
		t.Errorf("exit status %d, stderr %q\nwant %s", status, said, want)
	}
	noHelper(t, e)
	nothingLeft(t, cmd)
	eventually(t, "the command has ended", func() bool { return !strings.Contains(docker(t, "top", web, "-o", "pid,args"), "sleep 600") })
}

// noHelper fails if a container that the engine was asked to create is left.
func noHelper(t *testing.T, e *breakingEngine) {
	t.Helper()
	for _, name := range e.made() {
		eventually(t, "no helper container is left", func() bool {
			return docker(t, "ps", "-aq", "--filter", "name="+name) == ""
		})
	}
}

// made returns the names of the containers that it was asked to create.
func (e *breakingEngine) made() []string {
	e.lock.Lock()
	defer e.lock.Unlock()
	return slices.Clone(e.named)
}
