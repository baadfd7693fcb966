package engine_test

import (
	"context"
	"errors"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/go-units"

	"github.com/nsjoin/docker-nsjoin/pkg/engine"
	"github.com/nsjoin/docker-nsjoin/pkg/request"
	"github.com/nsjoin/docker-nsjoin/pkg/state"
)

// Containers of the fake engine that are kept: the ID of the last one that was created is that of
// ContainerCreate, and it is as the request said.

func (c *fakeEngine) ContainerInspect(_ context.Context, id string) (container.InspectResponse, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := range c.configs {
		if id != helperID(i) || c.endedKept[id] {
			continue
		}
		config, host := *c.configs[i], *c.hostConfigs[i]
		answer := container.InspectResponse{
			ContainerJSONBase: &container.ContainerJSONBase{
				ID: id, Image: config.Image, Path: config.Entrypoint[0], Args: config.Cmd, HostConfig: &host,
				State: &container.State{Running: true},
			},
			Config: &config,
		}
		if c.impostor != nil {
			c.impostor(&answer)
		}
		return answer, nil
	}
	return container.InspectResponse{}, errdefs.ErrNotFound
}

func (c *fakeEngine) ContainerExecCreate(_ context.Context, id string, options container.ExecOptions) (container.ExecCreateResponse, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.execs = append(c.execs, options)
	return container.ExecCreateResponse{ID: "exec in " + id}, c.fails["exec"]
}

func (c *fakeEngine) ContainerExecAttach(_ context.Context, id string, _ container.ExecAttachOptions) (types.HijackedResponse, error) {
	if c.hangs != nil {
		<-c.hangs
	}
	c.started = id
	ours, theirs := net.Pipe()
	answer := c.answer
	if answer == "nothing" {
		return types.NewHijackedResponse(ours, ""), nil
	}
	if answer == "" {
		answer = "\x02\x00\x00\x00\x00\x00\x00\x05h\x00\x00\x00\x00"
	}
	go func() {
		_, _ = theirs.Write([]byte(answer))
		if c.execErr == nil {
			theirs.Close()
		}
	}()
	return types.NewHijackedResponse(ours, ""), nil
}

func (c *fakeEngine) ContainerExecInspect(context.Context, string) (container.ExecInspect, error) {
	answer := container.ExecInspect{ExitCode: 42, Running: c.execRuns}
	if c.answer != "" {
		answer.ExitCode = 128 // as if the helper was not started
	}
	return answer, c.execErr
}

var keep = engine.Keep{Time: 5 * time.Minute}

// call runs a helper with keep, and returns the debug messages.
func call(t *testing.T, c *fakeEngine, r engine.Register, k engine.Keep, change func(*container.InspectResponse, *request.Request)) []string {
	t.Helper()
	messages := debugMessages(&r)
	h, err := engine.StartHelper(t.Context(), c, r, files, k, newTestSpec(t, change), nil, noWarning(t))
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	if err := h.Output(&strings.Builder{}, &strings.Builder{}); err != nil && c.answer == "" && strings.HasPrefix(c.started, "exec") {
		t.Errorf("output: %v", err)
	}
	if status, err := h.Wait(); err != nil || status != 42 {
		t.Errorf("status %d, %v", status, err)
	}
	return messages()
}

// debugMessages returns a function that returns the debug messages until then. Some may come later: a sweep goes on in the
// background.
func debugMessages(r *engine.Register) func() []string {
	var mu sync.Mutex
	var messages []string
	r.Debug = func(text string) {
		mu.Lock()
		defer mu.Unlock()
		messages = append(messages, text)
	}
	return func() []string {
		mu.Lock()
		defer mu.Unlock()
		return slices.Clone(messages)
	}
}

func TestContainerIsKeptForLaterCalls(t *testing.T) {
	c, r := &fakeEngine{images: []string{"own ID"}}, newRegister(t)
	for range 3 {
		if messages := call(t, c, r, keep, nil); len(messages) > 0 || c.started != "exec in helper1" {
			t.Errorf("started %q, debug messages %q", c.started, messages)
		}
	}
	if len(c.configs) != 1 || len(c.execs) != 3 || !r.HelperIDs()["helper1"] {
		t.Errorf("%d containers, %d helpers in them, recorded %v", len(c.configs), len(c.execs), r.HelperIDs())
	}
	config, exec := c.configs[0], c.execs[0]
	if !slices.Equal(config.Cmd, []string{"keep", "300"}) || config.OpenStdin || config.AttachStdout || !c.hostConfigs[0].ReadonlyRootfs || !c.hostConfigs[0].AutoRemove {
		t.Errorf("it was created as %+v", config)
	}
	// The default capabilities and the helper's: the call keeps these.
	if !slices.Equal(exec.Cmd, []string{"/nsjoin-helper", "frames", "a82c25ff"}) || !exec.AttachStdin || exec.Privileged {
		t.Errorf("the helper was started as %+v", exec)
	}
	if left := recordedNames(t, r); len(left) > 0 {
		t.Errorf("recorded as containers of single calls: %q", left)
	}
}

// Nothing but the container that was made ever gets a request, also if the record was changed.
func TestHostileImpostorGetsNoRequest(t *testing.T) {
	for name, change := range map[string]func(*container.InspectResponse){
		"another container":    func(c *container.InspectResponse) { c.ID = "other" },
		"another image":        func(c *container.InspectResponse) { c.Image = "other" },
		"another program":      func(c *container.InspectResponse) { c.Path = "/bin/sh" },
		"other arguments":      func(c *container.InspectResponse) { c.Args = []string{"keep", "1"} },
		"another user":         func(c *container.InspectResponse) { c.Config.User = "1000" },
		"a mount":              func(c *container.InspectResponse) { c.Mounts = []container.MountPoint{{Destination: "/nsjoin-helper"}} },
		"a bind":               func(c *container.InspectResponse) { c.HostConfig.Binds = []string{"/x:/nsjoin-helper"} },
		"a network":            func(c *container.InspectResponse) { c.HostConfig.NetworkMode = "bridge" },
		"own processes only":   func(c *container.InspectResponse) { c.HostConfig.PidMode = "" },
		"all rights":           func(c *container.InspectResponse) { c.HostConfig.Privileged = true },
		"a writable root":      func(c *container.InspectResponse) { c.HostConfig.ReadonlyRootfs = false },
		"other capabilities":   func(c *container.InspectResponse) { c.HostConfig.CapAdd = []string{"CAP_NET_ADMIN"} },
		"stopped":              func(c *container.InspectResponse) { c.State.Running = false },
		"paused":               func(c *container.InspectResponse) { c.State.Paused = true },
		"an incomplete answer": func(c *container.InspectResponse) { c.Config = nil },
	} {
		t.Run(name, func(t *testing.T) {
			c, r := &fakeEngine{images: []string{"own ID"}}, newRegister(t)
			call(t, c, r, keep, nil)
			c.impostor = func(answer *container.InspectResponse) {
				if answer.ID == "helper1" {
					change(answer)
				}
			}
			c.started = ""
			if messages := call(t, c, r, keep, nil); c.started != "exec in helper2" || len(messages) != 1 {
				t.Errorf("started %q, debug messages %q", c.started, messages)
			}
		})
	}
}

// Rights that the container lacks come with the next one, which has those of both calls.
func TestKeptContainerHasTheRightsOfAllCalls(t *testing.T) {
	c, r := &fakeEngine{images: []string{"own ID"}}, newRegister(t)
	admin := func(web *container.InspectResponse, _ *request.Request) {
		web.HostConfig.CapAdd = []string{"NET_ADMIN"}
	}
	raw := func(web *container.InspectResponse, _ *request.Request) {
		web.HostConfig.CapAdd = []string{"SYS_RAWIO"}
	}
	for i, change := range []func(*container.InspectResponse, *request.Request){nil, admin, raw, admin, nil} {
		call(t, c, r, keep, change)
		if want := "exec in " + helperID(min(i, 2)); c.started != want {
			t.Errorf("call %d: %s, want %s", i, c.started, want)
		}
	}
	for _, right := range []string{"CAP_NET_ADMIN", "CAP_SYS_RAWIO", "CAP_SYS_PTRACE"} {
		if caps := c.hostConfigs[2].CapAdd; !slices.Contains(caps, right) {
			t.Errorf("the last container has %q", caps)
		}
	}
	if c.execs[4].Cmd[2] != "a82c25ff" {
		t.Errorf("a call that needs less keeps %s", c.execs[4].Cmd[2])
	}
}

// The engine may deliver several frames at once, and standard output first. A request is never sent a second time if
// the first may have been read.
func TestNothingRunsTwice(t *testing.T) {
	for answer, runs := range map[string]bool{
		"\x02\x00\x00\x00\x00\x00\x00\x13h\x00\x00\x00\x00x\x00\x00\x00\x09\x00\x00\x00\x00\x00\x00\x00\x00\x00": true,
		"\x01\x00\x00\x00\x00\x00\x00\x08output 1\x02\x00\x00\x00\x00\x00\x00\x05h\x00\x00\x00\x00":              true,
		"\x01\x00\x00\x00\x00\x00\x00\x01o\x02\x00\x00\x00\x00\x00\x00\x05h\x00\x00\x00\x00":                     true,
		"\x01\x00\x00\x00\x00\x00\x20\x00" + strings.Repeat("o", 8192):                                           true, // the greeting comes later
		// The connection was lost, and the command runs.
		"": false, "\x02": false, "\x01\x00\x00\x00\x00\x00\x00\x01o": false,
	} {
		c, r := &fakeEngine{images: []string{"own ID"}, answer: answer, execRuns: true}, newRegister(t)
		if answer == "" {
			c.answer = "\x02\x00"
		}
		h, err := engine.StartHelper(t.Context(), c, r, files, keep, newTestSpec(t, nil), nil, noWarning(t))
		if (err == nil) != runs || len(c.configs) != 1 || len(c.execs) != 1 {
			t.Errorf("%q: %v, %d containers", answer, err, len(c.configs))
		}
		if err == nil {
			h.Close()
		} else if !strings.HasPrefix(err.Error(), "connection to the engine lost") {
			t.Errorf("%q: %v", answer, err)
		}
	}
}

func TestCallsThatNeedAContainerOfTheirOwn(t *testing.T) {
	limits := func(web *container.InspectResponse, _ *request.Request) {
		web.HostConfig.Ulimits = []*units.Ulimit{{Name: "nofile", Soft: 1, Hard: 2}}
	}
	for want, row := range map[string]struct {
		engine *fakeEngine
		change func(*container.InspectResponse, *request.Request)
	}{
		"container web has limits or an OOM score of its own":                                            {&fakeEngine{}, limits},
		"the engine has an authorization plugin: DOCKER_NSJOIN_KEEP=5m0s keeps a container all the same": {&fakeEngine{policy: true}, nil},
		"it ends: EOF": {&fakeEngine{answer: "\x02"}, nil},
		"the engine does not start the helper in it: OCI runtime exec failed": {&fakeEngine{answer: "\x01\x00\x00\x00\x00\x00\x00\x19OCI runtime exec failed\r\n"}, nil},
		`the helper does not start in it: "it is ending"`:                     {&fakeEngine{answer: "\x02\x00\x00\x00\x00\x00\x00\x0cit is ending"}, nil},
	} {
		c, r := row.engine, newRegister(t)
		c.images = []string{"own ID"}
		messages := call(t, c, r, keep, row.change)
		if len(messages) == 0 || !strings.HasSuffix(messages[len(messages)-1], want) || strings.HasPrefix(c.started, "exec") && c.answer == "" {
			t.Errorf("started %q, debug messages %q, want %q", c.started, messages, want)
		}
	}
	c, r := &fakeEngine{images: []string{"own ID"}, policy: true}, newRegister(t)
	if messages := call(t, c, r, engine.Keep{Time: time.Minute, WithPolicy: true}, nil); len(messages) > 0 || c.started != "exec in helper1" {
		t.Errorf("asked for: started %q, debug messages %q", c.started, messages)
	}
}

// A container that has ended, or is about to, is replaced.
func TestKeptContainerThatEndsIsReplaced(t *testing.T) {
	c, r := &fakeEngine{images: []string{"own ID"}, endedKept: make(map[string]bool)}, newRegister(t)
	call(t, c, r, keep, nil)
	c.endedKept["helper1"] = true
	if messages := call(t, c, r, keep, nil); c.started != "exec in helper2" || len(messages) != 1 {
		t.Errorf("started %q, debug messages %q", c.started, messages)
	}
}

// While one call starts the container, others have their own.
func TestOneCallStartsTheContainer(t *testing.T) {
	c, r := &fakeEngine{images: []string{"own ID"}}, newRegister(t)
	call(t, c, r, keep, nil)
	var list []*state.Record
	for deadline := time.Now().Add(time.Minute); len(list) != 1; time.Sleep(time.Millisecond) { // the call may still look at it
		var err error
		if list, err = r.State.Abandoned(state.Kept, func(state.Entry) bool { return true }); err != nil || time.Now().After(deadline) {
			t.Fatal(len(list), err)
		}
	}
	list[0].Remove()
	held, err := r.State.Add(state.Kept, list[0].Entry)
	if err != nil {
		t.Fatal(err)
	}
	defer held.Remove()
	c.endedKept = map[string]bool{"helper1": true}
	messages := call(t, c, r, keep, nil)
	if last := messages[len(messages)-1]; last != "the helper gets a container of its own: another call is starting the container that is kept" {
		t.Errorf("debug messages %q", messages)
	}
}

// Where the engine cannot grant all capabilities, the container that is kept stays as it is.
func TestKeptContainerWithoutAllCapabilities(t *testing.T) {
	c, r := &fakeEngine{images: []string{"own ID"}, lacksCaps: true}, newRegister(t)
	call(t, c, r, keep, nil)
	r.Debug = func(string) {}
	all := newTestSpec(t, func(_ *container.InspectResponse, r *request.Request) { r.Privileged = true })
	for range 2 {
		h, err := engine.StartHelper(t.Context(), c, r, files, keep, all, nil, func(string) {})
		if err != nil {
			t.Fatal(err)
		}
		h.Close()
		if _, err := h.Wait(); err != nil && !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	}
	before := len(c.configs)
	if call(t, c, r, keep, nil); c.started != "exec in helper1" || len(c.configs) != before {
		t.Errorf("started %q", c.started)
	}
}

// Calls with another idle time have another container: they don't replace each other's.
func TestContainerForEachIdleTime(t *testing.T) {
	c, r := &fakeEngine{images: []string{"own ID"}}, newRegister(t)
	for i, minutes := range []time.Duration{5, 10, 5, 10} {
		call(t, c, r, engine.Keep{Time: minutes * time.Minute}, nil)
		if want := "exec in " + helperID(i%2); c.started != want || len(c.configs) != min(i, 1)+1 {
			t.Errorf("call %d: %s, want %s; %d containers", i, c.started, want, len(c.configs))
		}
	}
}

// A container that was replaced is not listed among the user's while it runs. Its record goes when another
// container is started after its end.
func TestReplacedContainerIsNotListed(t *testing.T) {
	c, r := &fakeEngine{images: []string{"own ID"}, endedKept: make(map[string]bool)}, newRegister(t)
	call(t, c, r, keep, nil)
	call(t, c, r, keep, func(web *container.InspectResponse, _ *request.Request) {
		web.HostConfig.CapAdd = []string{"NET_ADMIN"}
	})
	if ids := r.HelperIDs(); !ids["helper1"] || !ids["helper2"] || c.started != "exec in helper2" {
		t.Fatalf("recorded %v, %s", ids, c.started)
	}
	c.mu.Lock()
	c.endedKept["helper1"], c.endedKept["helper2"] = true, true
	c.mu.Unlock()
	call(t, c, r, keep, nil)
	for deadline := time.Now().Add(time.Minute); r.HelperIDs()["helper1"]; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("recorded %v", r.HelperIDs())
		}
	}
	if ids := r.HelperIDs(); !ids["helper3"] {
		t.Errorf("recorded %v", ids)
	}
}

// Two calls find that the container has ended. The second uses what the first has started meanwhile.
func TestContainerThatAnotherCallStarted(t *testing.T) {
	c, r := &fakeEngine{images: []string{"own ID"}, endedKept: make(map[string]bool)}, newRegister(t)
	call(t, c, r, keep, nil)
	c.endedKept["helper1"] = true
	c.onInfo = func() { // between the two steps of the second call
		c.onInfo = nil
		call(t, c, r, keep, nil)
	}
	call(t, c, r, keep, nil)
	if len(c.configs) != 2 || c.started != "exec in helper2" || !r.HelperIDs()["helper2"] {
		t.Errorf("%d containers, %s, recorded %v", len(c.configs), c.started, r.HelperIDs())
	}
}

// A helper that does not answer has the request and may yet run: no other gets it.
func TestKeptContainerThatDoesNotAnswer(t *testing.T) {
	c, r := &fakeEngine{images: []string{"own ID"}}, newRegister(t)
	call(t, c, r, keep, nil)
	defer engine.SetHelloTimeout(50 * time.Millisecond)()
	c.answer = "nothing"
	h, err := engine.StartHelper(t.Context(), c, r, files, keep, newTestSpec(t, nil), nil, noWarning(t))
	if h != nil || err == nil || err.Error() != "the helper's container that is kept does not answer" || len(c.configs) != 1 {
		t.Errorf("%v, %d containers", err, len(c.configs))
	}
}

// The engine may hang while it starts a command in the container, which may be frozen.
func TestEngineThatHangsIsInterrupted(t *testing.T) {
	c, r := &fakeEngine{images: []string{"own ID"}}, newRegister(t)
	call(t, c, r, keep, nil)
	c.hangs = make(chan struct{})
	defer close(c.hangs)
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(10*time.Millisecond, cancel)
	if _, err := engine.StartHelper(ctx, c, r, files, keep, newTestSpec(t, nil), nil, noWarning(t)); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// slowWriter takes what is written when it is told to.
type slowWriter struct {
	strings.Builder
	start chan struct{}
}

func (w *slowWriter) Write(b []byte) (int, error) {
	<-w.start
	return w.Builder.Write(b)
}

// Engine 20.10 does not end the output of a helper whose container was stopped. What has come is passed on first,
// however slow its reader is.
func TestKeptContainerIsStoppedDuringTheCall(t *testing.T) {
	defer engine.SetLostInterval(20 * time.Millisecond)()
	c, r := &fakeEngine{images: []string{"own ID"}}, newRegister(t)
	c.answer = "\x02\x00\x00\x00\x00\x00\x00\x05h\x00\x00\x00\x00" + "\x01\x00\x00\x00\x00\x00\x00\x03one"
	c.execErr = errdefs.ErrNotFound
	h, err := engine.StartHelper(t.Context(), c, r, files, keep, newTestSpec(t, nil), nil, noWarning(t))
	if err != nil {
		t.Fatal(err)
	}
	out, written := &slowWriter{start: make(chan struct{})}, make(chan error, 1)
	go func() { written <- h.Output(out, &strings.Builder{}) }()
	time.AfterFunc(200*time.Millisecond, func() { close(out.start) })
	if _, err := h.Wait(); err == nil || err.Error() != "the helper's container that is kept was stopped during the call" {
		t.Error(err)
	}
	if err := <-written; out.String() != "one" {
		t.Errorf("output %q, %v", out.String(), err)
	}
}
