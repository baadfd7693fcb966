package engine_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/image"
	"github.com/docker/docker/api/types/network"
	"github.com/docker/docker/api/types/system"
	"github.com/docker/docker/client"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/nsjoin/docker-nsjoin/pkg/engine"
	"github.com/nsjoin/docker-nsjoin/pkg/exit"
	"github.com/nsjoin/docker-nsjoin/pkg/helperimage"
	"github.com/nsjoin/docker-nsjoin/pkg/ns"
	"github.com/nsjoin/docker-nsjoin/pkg/request"
)

// fakeEngine is an engine with chosen errors.
type fakeEngine struct {
	security  []string // its security options
	mu        sync.Mutex
	fails     map[string]error // by request
	images    []string
	volumes   map[string][]string // by image
	lacksCaps bool                // it can't grant all capabilities
	noIPC     bool                // it can't grant the host's IPC namespace
	version   string
	sweepErrs map[string]error // errors for a sweep, by name or ID
	loads     string           // the ID that a loaded image gets; "" if the engine loads none
	loadError string           // in the answer
	policy    bool             // it has an authorization plugin
	endedKept map[string]bool  // containers that have ended, by ID
	execRuns  bool             // commands in a container that is kept still run
	answer    string           // of a command in a container that is kept; "" for the first frame
	onInfo    func()           // is called before Info answers
	execErr   error            // of a question about a command in a container that is kept, whose output does not end then
	hangs     chan struct{}    // a command in a container that is kept starts when it is closed; nil for at once
	impostor  func(*container.InspectResponse)

	configs     []*container.Config
	hostConfigs []*container.HostConfig
	removed     []string
	swept       []string
	names       []string
	inspected   []string
	copied      []byte
	received    chan []byte // what comes on standard input
	started     string
	loaded      int
	gone        []string // images that were removed
	execs       []container.ExecOptions
	until       container.WaitCondition
}

func (c *fakeEngine) ContainerCreate(_ context.Context, config *container.Config, host *container.HostConfig, _ *network.NetworkingConfig, _ *ocispec.Platform, name string) (container.CreateResponse, error) {
	c.names = append(c.names, name)
	if err := c.fails["create"]; err != nil {
		return container.CreateResponse{}, err
	}
	if !slices.Contains(c.images, config.Image) {
		return container.CreateResponse{}, fmt.Errorf("no such image: %s: %w", config.Image, errdefs.ErrNotFound)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.configs, c.hostConfigs = append(c.configs, config), append(c.hostConfigs, host)
	return container.CreateResponse{ID: helperID(len(c.configs) - 1)}, nil
}

// helperID returns the ID of the container that was created after i others.
func helperID(i int) string { return fmt.Sprintf("helper%d", i+1) }

func (c *fakeEngine) CopyToContainer(_ context.Context, _, path string, archive io.Reader, _ container.CopyToContainerOptions) error {
	text, err := io.ReadAll(archive)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.copied = text; path != "/" {
		return errors.New("copied to " + path)
	}
	return errors.Join(err, c.fails["copy"])
}

func (c *fakeEngine) ContainerAttach(context.Context, string, container.AttachOptions) (types.HijackedResponse, error) {
	ours, theirs := net.Pipe()
	if c.received == nil {
		theirs.Close()
	} else {
		go func() {
			const most = 1 << 10
			b := make([]byte, most)
			n, _ := theirs.Read(b)
			c.received <- b[:n]
		}()
	}
	return types.NewHijackedResponse(ours, ""), c.fails["attach"]
}

func (c *fakeEngine) ContainerWait(_ context.Context, _ string, until container.WaitCondition) (<-chan container.WaitResponse, <-chan error) {
	c.until = until
	wait := make(chan container.WaitResponse, 1)
	wait <- container.WaitResponse{StatusCode: 42}
	return wait, make(chan error)
}

func (c *fakeEngine) ContainerStart(_ context.Context, id string, _ container.StartOptions) error {
	if c.lacksCaps && slices.Contains(c.hostConfigs[len(c.hostConfigs)-1].CapAdd, "ALL") {
		return errors.New("Error response from daemon: unable to apply caps")
	}
	if c.noIPC && c.hostConfigs[len(c.hostConfigs)-1].IpcMode == "host" {
		return errors.New("Error response from daemon: error mounting /dev/mqueue")
	}
	c.started = id
	return c.fails["start"]
}

func (c *fakeEngine) ContainerRemove(_ context.Context, id string, options container.RemoveOptions) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !options.Force { // a sweep
		c.swept = append(c.swept, id)
		return c.sweepErrs[id]
	}
	c.removed = append(c.removed, id)
	return c.fails["remove"]
}

func (c *fakeEngine) ServerVersion(context.Context) (types.Version, error) {
	return types.Version{Arch: "s390x"}, c.fails["version"]
}

func (c *fakeEngine) ClientVersion() string {
	if c.version != "" {
		return c.version
	}
	return "1.41"
}

func (c *fakeEngine) Info(context.Context) (system.Info, error) {
	if c.onInfo != nil {
		c.onInfo()
	}
	info := system.Info{SecurityOptions: c.security}
	if c.policy {
		info.Plugins.Authorization = []string{"nothing"}
	}
	return info, c.fails["info"]
}

func (c *fakeEngine) ImageList(context.Context, image.ListOptions) ([]image.Summary, error) {
	var list []image.Summary
	for _, id := range c.images {
		list = append(list, image.Summary{ID: id, RepoTags: []string{id + ":latest"}})
	}
	return list, c.fails["images"]
}

// ImageLoad returns an error if the engine loads no image, as one with a policy does.
func (c *fakeEngine) ImageLoad(_ context.Context, archive io.Reader, _ ...client.ImageLoadOption) (image.LoadResponse, error) {
	if c.loads == "" {
		return image.LoadResponse{}, errors.New("Error response from daemon: authorization denied by plugin nothing: not for you")
	}
	_, _ = io.Copy(io.Discard, archive) // the images of these tests have no content

	// Old images are removed at the same time.
	c.mu.Lock()
	defer c.mu.Unlock()
	c.loaded++
	answer := `{"stream":"Loaded image"}` + "\n"
	if c.loadError != "" {
		answer += `{"errorDetail":{"message":"` + c.loadError + `"},"error":"` + c.loadError + `"}`
	} else {
		c.images = append(c.images, c.loads)
	}
	return image.LoadResponse{Body: io.NopCloser(strings.NewReader(answer))}, nil
}

func (c *fakeEngine) ImageRemove(_ context.Context, id string, options image.RemoveOptions) ([]image.DeleteResponse, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if options.Force {
		return nil, errors.New("removed by force")
	}
	if !slices.Contains(c.images, id) {
		return nil, errdefs.ErrNotFound
	}
	c.gone = append(c.gone, id)
	return nil, c.fails["remove image"]
}

func (c *fakeEngine) ImageInspect(_ context.Context, name string, _ ...client.ImageInspectOption) (image.InspectResponse, error) {
	c.inspected = append(c.inspected, name)
	if !slices.Contains(c.images, name) {
		return image.InspectResponse{}, errdefs.ErrNotFound
	}
	volumes := make(map[string]struct{})
	for _, volume := range c.volumes[name] {
		volumes[volume] = struct{}{}
	}
	answer, err := json.Marshal(map[string]any{"Config": map[string]any{"Volumes": volumes}})
	if err != nil {
		return image.InspectResponse{}, err
	}
	var found image.InspectResponse
	err = json.Unmarshal(answer, &found)
	return found, err
}

// newTestSpec returns the spec of a command in web.
func newTestSpec(t *testing.T, change func(*container.InspectResponse, *request.Request)) engine.Spec {
	t.Helper()
	web := inspectResponse("0f", runningState(42), "SECRET=hidden", "PATH=/bin", "=nameless")
	web.Name, web.Image, web.HostConfig = "/web", "image of web", &container.HostConfig{}
	r := &request.Request{Base: resolvedSource("web", "0f", 42), Take: ns.All(), Exec: request.Exec{Env: []string{"TOKEN=hidden"}}}
	if change != nil {
		change(&web, r)
	}
	s := engine.NewSpec(r, engine.Answers{"web": web})
	s.Call = "c0ffee"
	return s
}

// files are those of a helper container. The IDs of the helper's image for this machine's architecture are
// "own ID" and "own manifest".
var files = engine.Files{
	Image: func(arch string, _ ...helperimage.Part) (*helperimage.Image, error) {
		prefix := arch
		if arch == runtime.GOARCH {
			prefix = "own"
		}
		return &helperimage.Image{ID: prefix + " ID", Manifest: prefix + " manifest", Name: "docker-nsjoin/helper:" + prefix, Arch: arch}, nil
	},
	Copy: func(arch string, call request.Call, _ bool, _ ...helperimage.Part) (io.ReadCloser, error) {
		return io.NopCloser(strings.NewReader("for " + arch + ", " + string(call))), nil
	},
}

func TestStartHelper(t *testing.T) {
	c := &fakeEngine{images: []string{"image of web"}}
	h, err := engine.StartHelper(t.Context(), c, engine.Register{}, files, engine.Keep{}, newTestSpec(t, nil), nil, noWarning(t))
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	if status, err := h.Wait(); err != nil || status != 42 {
		t.Errorf("status %d, %v", status, err)
	}
	if c.started != "helper1" || string(c.copied) != "for s390x, c0ffee" || len(c.removed) > 0 {
		t.Errorf("started %q, copied %q, removed %q", c.started, c.copied, c.removed)
	}
}

// An error names the step and has the engine's message, and the container is removed.
func TestStartErrorsNameTheStep(t *testing.T) {
	for _, row := range []struct{ step, want string }{
		{"create", "create the helper's container: "},
		{"version", "ask for the engine's architecture: "},
		{"copy", "copy the helper into its container: "},
		{"attach", "attach to the helper's container: "},
		{"start", "start the helper's container: "},
	} {
		const policy = "authorization denied by plugin nothing: not for you"
		c := &fakeEngine{images: []string{"image of web"}, fails: map[string]error{row.step: errors.New("Error response from daemon: " + policy)}}
		_, err := engine.StartHelper(t.Context(), c, engine.Register{}, files, engine.Keep{}, newTestSpec(t, nil), nil, noWarning(t))
		if err == nil || err.Error() != row.want+policy {
			t.Errorf("%s: %v, want %s", row.step, err, row.want+policy)
		}
		if want := len(c.configs); len(c.removed) != want {
			t.Errorf("%s: %d containers were created, %q removed", row.step, want, c.removed)
		}
	}
}

// A rootless engine before 26 can't start a container with the host's pid namespace; its runtime's message
// doesn't say why.
func TestStartErrorOfRootlessEngineHasHint(t *testing.T) {
	for _, security := range [][]string{nil, {"name=seccomp,profile=default"}, {"name=seccomp,profile=default", "name=rootless"}} {
		for _, caps := range []bool{false, true} {
			c := &fakeEngine{images: []string{"image of web"}, security: security, fails: map[string]error{"start": errors.New("mount proc")}}
			s := newTestSpec(t, func(_ *container.InspectResponse, r *request.Request) { r.Privileged = caps })
			_, err := engine.StartHelper(t.Context(), c, engine.Register{}, files, engine.Keep{}, s, nil, noWarning(t))
			hinted, ok := errors.AsType[*exit.Error](err)
			if want := len(security) == 2; ok != want || ok && !strings.HasPrefix(hinted.Hint, "the engine is rootless: ") {
				t.Errorf("%q, all capabilities %t: %v", security, caps, err)
			}
		}
	}
}

// The image has no influence, and docker inspect shows no secret.
func TestHelperContainerConfig(t *testing.T) {
	c := &fakeEngine{images: []string{"image of web"}}
	s := newTestSpec(t, func(web *container.InspectResponse, _ *request.Request) {
		web.Config.Volumes = map[string]struct{}{"/data": {}}
		web.AppArmorProfile = "docker-default"
		web.HostConfig.OomScoreAdj = 7
	})
	if _, err := engine.StartHelper(t.Context(), c, engine.Register{}, files, engine.Keep{}, s, nil, noWarning(t)); err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal([]any{c.configs[0], c.hostConfigs[0]})
	if err != nil || bytes.Contains(text, []byte("hidden")) {
		t.Errorf("%v: a secret is in %s", err, text)
	}
	config, host := c.configs[0], c.hostConfigs[0]
	for name, ok := range map[string]bool{
		"entrypoint":   slices.Equal(config.Entrypoint, []string{helperimage.CopiedProgram("c0ffee")}) && slices.Equal(config.Cmd, []string{"frames"}),
		"root":         !host.ReadonlyRootfs, // nothing could be copied there
		"user":         config.User == "0:0",
		"directory":    config.WorkingDir == "/",
		"health check": slices.Equal(config.Healthcheck.Test, []string{"NONE"}),
		"stop signal":  config.StopSignal != "",
		"environment":  slices.Contains(config.Env, "SECRET") && slices.Contains(config.Env, "GODEBUG"),
		"no name":      !slices.Contains(config.Env, ""), // the engine would refuse it
		"labels":       len(config.Labels) == 1 && config.Labels[engine.CallLabel] == "c0ffee",
		"volumes":      len(host.Mounts) == 1 && host.Mounts[0].Type == "tmpfs" && host.Mounts[0].Target == "/data",
		"network":      host.NetworkMode == "none" && config.NetworkDisabled,
		"namespaces":   host.PidMode == "host" && host.UsernsMode == "host" && host.CgroupnsMode == "host",
		"log":          host.LogConfig.Type == "none",
		"removal":      host.AutoRemove,
		"init":         host.Init != nil && !*host.Init,
		"privileged":   !host.Privileged && slices.Equal(host.CapDrop, []string{"ALL"}),
		"security":     slices.Equal(host.SecurityOpt, []string{"seccomp=unconfined", "apparmor=unconfined"}),
		"oom score":    host.OomScoreAdj == 7,
		"capabilities": !slices.Contains(host.CapAdd, "ALL") && slices.Contains(host.CapAdd, "CAP_SYS_ADMIN"),
	} {
		if !ok {
			t.Errorf("%s: %s", name, text)
		}
	}
}

func TestCapabilities(t *testing.T) {
	const needed = 10 // helperCaps
	for _, row := range []struct {
		name   string
		change func(*container.InspectResponse, *request.Request)
		has    []string
		hasNot []string
	}{
		{"Docker's own", nil, []string{"CAP_NET_RAW", "CAP_SYS_PTRACE"}, []string{"ALL", "CAP_NET_ADMIN"}},
		{"added", func(c *container.InspectResponse, _ *request.Request) { c.HostConfig.CapAdd = []string{"NET_ADMIN"} }, []string{"NET_ADMIN"}, []string{"ALL"}},
		{"dropped", func(c *container.InspectResponse, _ *request.Request) { c.HostConfig.CapDrop = []string{"net_raw"} }, nil, []string{"CAP_NET_RAW"}},
		{"all dropped", func(c *container.InspectResponse, _ *request.Request) { c.HostConfig.CapDrop = []string{"ALL"} }, []string{"CAP_SYS_ADMIN"}, []string{"CAP_NET_RAW", "CAP_MKNOD"}},
		{"all added", func(c *container.InspectResponse, _ *request.Request) { c.HostConfig.CapAdd = []string{"all"} }, []string{"ALL"}, nil},
		{"a privileged container", func(c *container.InspectResponse, _ *request.Request) { c.HostConfig.Privileged = true }, []string{"ALL"}, nil},
		{"--privileged", func(_ *container.InspectResponse, r *request.Request) { r.Privileged = true }, []string{"ALL"}, nil},
		{"the host's file system", func(_ *container.InspectResponse, r *request.Request) { r.Take = ns.SetOf(ns.Net) }, []string{"ALL"}, nil},
		{"a volume, which may get an owner and a mode", func(c *container.InspectResponse, r *request.Request) {
			c.HostConfig.CapDrop, r.Mount = []string{"ALL"}, &request.Mount{Type: request.MountVolume}
		}, []string{"CAP_CHOWN", "CAP_FOWNER", "CAP_FSETID"}, []string{"ALL"}},
		{"a new network", func(_ *container.InspectResponse, r *request.Request) {
			r.Overrides = map[ns.Kind]request.Source{ns.Net: {From: request.FromNew}}
		}, []string{"CAP_NET_ADMIN"}, []string{"ALL"}},
	} {
		caps := newTestSpec(t, row.change).Caps
		for _, c := range row.has {
			if !slices.Contains(caps, c) {
				t.Errorf("%s: no %s in %q", row.name, c, caps)
			}
		}
		for _, c := range row.hasNot {
			if slices.Contains(caps, c) {
				t.Errorf("%s: %s is in %q", row.name, c, caps)
			}
		}
		if len(caps) < needed && !slices.Contains(caps, "ALL") {
			t.Errorf("%s: %q", row.name, caps)
		}
	}
}

// The helper has the host's namespaces that the command has, since it can't always join them.
func TestHelperHasHostIPCAndUTS(t *testing.T) {
	for _, row := range []struct {
		name     string
		change   func(*container.InspectResponse, *request.Request)
		ipc, uts string
	}{
		{"a container's own", nil, "none", ""},
		{"the host's, but for the network", func(_ *container.InspectResponse, r *request.Request) { r.Take = ns.SetOf(ns.Net) }, "host", "host"},
		{"new ones", func(_ *container.InspectResponse, r *request.Request) {
			r.Take = ns.SetOf(ns.Net)
			r.Overrides = map[ns.Kind]request.Source{ns.IPC: {From: request.FromNew}}
		}, "none", "host"},
		{"those of a container that has the host's", func(web *container.InspectResponse, _ *request.Request) {
			web.HostConfig.UTSMode, web.HostConfig.IpcMode = "host", "host"
		}, "host", "host"},
	} {
		c := &fakeEngine{images: []string{"image of web"}}
		if _, err := engine.StartHelper(t.Context(), c, engine.Register{}, files, engine.Keep{}, newTestSpec(t, row.change), nil, noWarning(t)); err != nil {
			t.Fatal(err)
		}
		if h := c.hostConfigs[0]; string(h.IpcMode) != row.ipc || string(h.UTSMode) != row.uts {
			t.Errorf("%s: IPC %q, UTS %q; want %q, %q", row.name, h.IpcMode, h.UTSMode, row.ipc, row.uts)
		}
	}
}

// A rootless engine whose host has no /dev/mqueue can't start a container with the host's IPC namespace.
func TestHelperFallsBackToNoHostIPC(t *testing.T) {
	c := &fakeEngine{images: []string{"image of web"}, noIPC: true}
	s := newTestSpec(t, func(_ *container.InspectResponse, r *request.Request) { r.Take = ns.SetOf(ns.Net, ns.Mnt) })
	if _, err := engine.StartHelper(t.Context(), c, engine.Register{}, files, engine.Keep{}, s, nil, noWarning(t)); err != nil {
		t.Fatal(err)
	}
	if c.started != "helper2" || !slices.Equal(c.removed, []string{"helper1"}) || c.hostConfigs[1].IpcMode != "none" {
		t.Errorf("started %q, removed %q, IPC %q", c.started, c.removed, c.hostConfigs[1].IpcMode)
	}
}

func TestEngineWithoutAllCapabilities(t *testing.T) {
	c := &fakeEngine{images: []string{"image of web"}, lacksCaps: true}
	var warned []string
	s := newTestSpec(t, func(_ *container.InspectResponse, r *request.Request) { r.Privileged = true })
	if _, err := engine.StartHelper(t.Context(), c, engine.Register{}, files, engine.Keep{}, s, nil, func(text string) { warned = append(warned, text) }); err != nil {
		t.Fatal(err)
	}
	if c.started != "helper2" || !slices.Equal(c.removed, []string{"helper1"}) {
		t.Errorf("started %q, removed %q", c.started, c.removed)
	}
	if len(warned) != 1 || !strings.HasPrefix(warned[0], "the engine cannot grant all capabilities") {
		t.Errorf("warned %q", warned)
	}
}

func TestHelperImage(t *testing.T) {
	for _, row := range []struct {
		name    string
		images  []string
		given   string
		want    string // image
		warning string
		failure string
	}{
		{"the container's", []string{"other", "image of web"}, "", "image of web", "", ""},
		{"the container's is gone", []string{"other"}, "", "other", "the image of web is gone: the helper's container is made from image other:latest", ""},
		{"no image", nil, "", "", "", "the engine has no image for the helper's container"},
		{"the named one", []string{"other", "image of web"}, "other", "other", "", ""},
		{"the named one is missing", []string{"image of web"}, "mine", "", "", "create the helper's container: no such image: mine"},
	} {
		c := &fakeEngine{images: row.images}
		s := newTestSpec(t, nil)
		if row.given != "" {
			s.Image, s.ImageGiven = row.given, true
		}
		warning := ""
		_, err := engine.StartHelper(t.Context(), c, engine.Register{}, files, engine.Keep{}, s, nil, func(text string) { warning = text })
		if row.failure != "" {
			if err == nil || !strings.HasPrefix(err.Error(), row.failure) {
				t.Errorf("%s: %v, want %s", row.name, err, row.failure)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", row.name, err)
			continue
		}
		if got := c.configs[len(c.configs)-1].Image; got != row.want || warning != row.warning {
			t.Errorf("%s: image %q, warning %q", row.name, got, warning)
		}
	}
}

func TestUnsupportedEngineIsRefused(t *testing.T) {
	for _, row := range []struct {
		version, platform, want string
	}{
		{"1.40", "linux", "the engine's API version is 1.40, but a helper container needs 1.41 (Docker Engine 20.10) or newer"},
		{"1.50", "windows", "this engine runs Windows containers, which have no Linux namespaces"},
	} {
		c := &fakeEngine{images: []string{"image of web"}, version: row.version}
		s := newTestSpec(t, func(web *container.InspectResponse, _ *request.Request) { web.Platform = row.platform })
		if _, err := engine.StartHelper(t.Context(), c, engine.Register{}, files, engine.Keep{}, s, nil, noWarning(t)); err == nil || err.Error() != row.want {
			t.Errorf("%v, want %s", err, row.want)
		}
		if len(c.configs) > 0 {
			t.Errorf("%s %s: a container was created", row.version, row.platform)
		}
	}
}

func TestInterruptedStartRemovesContainer(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	c := &fakeEngine{images: []string{"image of web"}}
	interrupting := files
	interrupting.Copy = func(string, request.Call, bool, ...helperimage.Part) (io.ReadCloser, error) {
		cancel()
		return nil, ctx.Err()
	}
	_, err := engine.StartHelper(ctx, c, engine.Register{}, interrupting, engine.Keep{}, newTestSpec(t, nil), nil, noWarning(t))
	if !errors.Is(err, context.Canceled) || !slices.Equal(c.removed, []string{"helper1"}) {
		t.Errorf("%v, removed %q", err, c.removed)
	}
}

func noWarning(t *testing.T) func(string) {
	return func(text string) { t.Errorf("warned %q", text) }
}
