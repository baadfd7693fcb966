package standin_test

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/image"
	"github.com/docker/docker/api/types/mount"
	"github.com/docker/docker/api/types/network"
	"github.com/docker/docker/client"
	"github.com/docker/go-connections/nat"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/nsjoin/docker-nsjoin/pkg/engine"
	"github.com/nsjoin/docker-nsjoin/pkg/engine/standin"
	"github.com/nsjoin/docker-nsjoin/pkg/exit"
	"github.com/nsjoin/docker-nsjoin/pkg/leaktest"
	"github.com/nsjoin/docker-nsjoin/pkg/state/statetest"
)

func TestMain(m *testing.M) { os.Exit(leaktest.Run(m)) }

// simulated is an engine with one container that has every right and mount. It notes what is made and removed.
type simulated struct {
	fails   string // the request that fails
	done    []string
	config  *container.Config
	host    *container.HostConfig
	records func() []string

	late     bool   // the engine makes the image after the client has gone
	gone     bool   // the container of --volumes-from
	accounts string // a link
	target   string // of the link; "" for a FIFO
	networks map[string]*network.EndpointSettings
	version  string // of the API
	mode     container.NetworkMode

	refuses     bool                  // to create a container
	goneSources []string              // of bind mounts
	onCommit    func(context.Context) // is called while an image is made

	others  []container.Summary // other containers
	more    []container.MountPoint
	state   string // of the original
	files   map[string]container.PathStat
	beneath container.PathStat // /etc/passwd without the mounts in more
	hangs   bool               // when a container is started
	podman  bool
	made    []*container.HostConfig // that are not removed yet; the last one is host
}

func (s *simulated) ContainerList(context.Context, container.ListOptions) ([]container.Summary, error) {
	return append(s.others, container.Summary{ID: "copy", Mounts: s.more}, container.Summary{ID: "original", Names: []string{"/web"}, Mounts: s.more}), s.do("list")
}

// without reports whether the container that was created last has none of the mounts in more.
func (s *simulated) without() bool {
	return !slices.ContainsFunc(s.host.Mounts, func(m mount.Mount) bool {
		return slices.ContainsFunc(s.more, func(p container.MountPoint) bool { return p.Destination == m.Target })
	})
}

func (s *simulated) ContainerStatPath(_ context.Context, _, name string) (container.PathStat, error) {
	modes := map[string]os.FileMode{
		"/odd": os.ModeSocket, "/odder": os.ModeNamedPipe, "/files": os.ModeDir, "/fifo": os.ModeNamedPipe, s.accounts: os.ModeSymlink,
	}
	if f, ok := s.files[name]; ok && (!strings.HasPrefix(name, "/etc/") || !s.without()) {
		return f, nil
	}
	if name == "/etc/passwd" && s.beneath.Mode != 0 && s.without() {
		return s.beneath, nil
	}
	if strings.Contains(name, "/files/") {
		return container.PathStat{}, errors.New("no such file")
	}
	return container.PathStat{Mode: modes[name], LinkTarget: cmp.Or(s.target, "/fifo")}, s.do("look")
}

func (s *simulated) NetworkInspect(_ context.Context, name string, _ network.InspectOptions) (network.Inspect, error) {
	if name == "gone" {
		return network.Inspect{}, errors.New("no such network")
	}
	return network.Inspect{Internal: name == "internal"}, nil
}

func (s *simulated) ClientVersion() string { return cmp.Or(s.version, "1.51") }

func (s *simulated) do(what string) error {
	s.done = append(s.done, what)
	if s.fails == what {
		return errors.New("Error response from daemon: it failed")
	}
	return nil
}

func (s *simulated) ContainerInspectWithRaw(_ context.Context, name string, _ bool) (container.InspectResponse, []byte, error) {
	if name == "other" {
		if s.gone {
			return container.InspectResponse{}, nil, errors.New("no such container")
		}
		return container.InspectResponse{ContainerJSONBase: &container.ContainerJSONBase{HostConfig: &container.HostConfig{
			Mounts: []mount.Mount{{Type: mount.TypeVolume, Target: "/other", VolumeOptions: &mount.VolumeOptions{Subpath: "part"}}},
		}}}, nil, nil
	}
	size := int64(12_300_000)
	return container.InspectResponse{
		ContainerJSONBase: &container.ContainerJSONBase{
			ID: "original", State: &container.State{Status: cmp.Or(s.state, "exited")}, SizeRw: &size,
			HostConfig: &container.HostConfig{
				Privileged: true, NetworkMode: cmp.Or(s.mode, "host"), PidMode: "host", CgroupnsMode: "private", UsernsMode: "host", CapAdd: []string{"NET_ADMIN"}, CapDrop: []string{"CHOWN"},
				RestartPolicy: container.RestartPolicy{Name: "always"}, PortBindings: nat.PortMap{"80/tcp": {{HostPort: "80"}}},
				SecurityOpt: []string{"label=disable", "no-new-privileges"}, VolumesFrom: []string{"other"}, Links: []string{"db"},
				DNS: []string{"192.0.2.53"}, DNSSearch: []string{"example"}, DNSOptions: []string{"ndots:2"}, ExtraHosts: []string{"db:192.0.2.1"},
				StorageOpt: map[string]string{"size": "10G"},
				Resources: container.Resources{
					Memory: 1 << 20, CPUQuota: 50_000, CpusetCpus: "0", KernelMemory: 1 << 20,
					Devices: []container.DeviceMapping{{PathOnHost: "/dev/kvm"}}, DeviceCgroupRules: []string{"a *:* rwm"},
					DeviceRequests: []container.DeviceRequest{{Driver: "nvidia"}},
				},
				Binds: []string{"/srv/files:/files:ro"},
				Mounts: []mount.Mount{
					{Type: mount.TypeVolume, Target: "/data/", VolumeOptions: &mount.VolumeOptions{Subpath: "mine"}},
					{Type: mount.TypeBind, Target: "/flat", BindOptions: &mount.BindOptions{NonRecursive: true}},
					{Type: mount.TypeTmpfs, Target: "/tmpfs", TmpfsOptions: &mount.TmpfsOptions{SizeBytes: 1 << 20}},
				},
			},
		},
		Config: &container.Config{
			User: "app", WorkingDir: "/srv", Env: []string{"A=1"}, Labels: map[string]string{"proxy": "on"}, Hostname: "web",
			Entrypoint: []string{"/entry"}, Cmd: []string{"run"}, Healthcheck: &container.HealthConfig{Test: []string{"CMD", "x"}},
		},
		Mounts: append(s.more, []container.MountPoint{
			{Type: mount.TypeVolume, Name: "data", Destination: "/data", RW: true},
			{Type: mount.TypeBind, Source: "/srv/files", Destination: "/files", RW: false},
			{Type: mount.TypeBind, Source: "/var/run/docker.sock", Destination: "/docker.sock", RW: true},
			{Type: mount.TypeNamedPipe, Destination: "/pipe"},
			{Type: mount.TypeBind, Source: "/srv/flat", Destination: "/flat", RW: true},
			{Type: mount.TypeTmpfs, Destination: "/tmpfs", RW: true},
			{Type: mount.TypeBind, Source: "/", Destination: "/host", RW: true},
			{Type: mount.TypeBind, Source: "/var/run", Destination: "/sockets", RW: true},
			{Type: mount.TypeBind, Source: "/run/user/0/x", Destination: "/socket", RW: true},
			{Type: mount.TypeBind, Source: "/srv/engine", Destination: "/odd", RW: true},
			{Type: mount.TypeBind, Source: "/srv/pipe", Destination: "/odder", RW: true},
			{Type: mount.TypeVolume, Name: "whole", Destination: "/other", RW: true},
		}...),
		NetworkSettings: &container.NetworkSettings{Networks: s.networks},
	}, nil, s.do("inspect")
}

func (s *simulated) ContainerCommit(ctx context.Context, id string, o container.CommitOptions) (container.CommitResponse, error) {
	if len(s.records()) != 1 || o.Pause || o.Config == nil || !strings.HasPrefix(o.Reference, "docker-nsjoin/snapshot:c0ffee") || id != "original" {
		return container.CommitResponse{}, errors.New("it was not recorded before, or differs")
	}
	if s.late {
		return container.CommitResponse{}, context.Canceled
	}
	if s.onCommit != nil {
		s.onCommit(ctx)
	}
	return container.CommitResponse{ID: "sha256:snapshot"}, s.do("commit")
}

func (s *simulated) ContainerCreate(_ context.Context, c *container.Config, h *container.HostConfig, _ *network.NetworkingConfig, _ *ocispec.Platform, _ string) (container.CreateResponse, error) {
	s.config, s.host = c, h
	if s.refuses {
		return container.CreateResponse{}, errdefs.ErrInvalidArgument
	}
	for _, m := range h.Mounts {
		if slices.Contains(s.goneSources, m.Source) {
			return container.CreateResponse{}, fmt.Errorf("invalid mount config: %w", errdefs.ErrInvalidArgument)
		}
	}
	s.made = append(s.made, h)
	return container.CreateResponse{ID: "copy"}, s.do("create")
}

func (s *simulated) CopyToContainer(_ context.Context, _, _ string, archive io.Reader, _ container.CopyToContainerOptions) error {
	_, err := io.Copy(io.Discard, archive)
	return errors.Join(err, s.do("copy"))
}

func (s *simulated) ContainerAttach(context.Context, string, container.AttachOptions) (types.HijackedResponse, error) {
	here, there := net.Pipe()
	there.Close()
	return types.HijackedResponse{Conn: here, Reader: bufio.NewReader(here)}, s.do("attach")
}

func (s *simulated) ContainerStart(ctx context.Context, _ string, _ container.StartOptions) error {
	if s.hangs {
		<-ctx.Done()
		return ctx.Err()
	}
	return s.do("start")
}

func (s *simulated) ContainerRemove(_ context.Context, id string, o container.RemoveOptions) error {
	if !o.Force || !o.RemoveVolumes {
		return errors.New("it may stay")
	}
	if last := len(s.made) - 1; last > 0 {
		s.made, s.host = s.made[:last], s.made[last-1]
	}
	return s.do("remove " + id)
}

func (s *simulated) ImageInspect(_ context.Context, name string, _ ...client.ImageInspectOption) (image.InspectResponse, error) {
	return image.InspectResponse{}, s.do("image " + name)
}

func (s *simulated) ImageRemove(_ context.Context, name string, o image.RemoveOptions) ([]image.DeleteResponse, error) {
	if o.Force {
		return nil, errors.New("by force")
	}
	if s.late {
		return nil, fmt.Errorf("no such image: %w", errdefs.ErrNotFound)
	}
	return nil, s.do("remove " + strings.TrimRight(name, "0123456789"))
}

func (s *simulated) ServerVersion(context.Context) (types.Version, error) {
	v := types.Version{Arch: runtime.GOARCH}
	if s.podman {
		v.Components = []types.ComponentVersion{{Name: "Podman Engine"}}
	}
	return v, s.do("version")
}

// copy makes a copy of the container.
func (s *simulated) copy(ctx context.Context, register engine.Register, o standin.Options, warn func(string)) (*standin.StandIn, error) {
	p, err := standin.PlanContainer(ctx, s, "web", o)
	if err != nil {
		return nil, err
	}
	return p.Make(ctx, s, register, standin.Making{Call: "c0ffee", Warn: warn})
}

func noWarning(string) {}

// register returns a register, and makes s see its records.
func (s *simulated) register(t *testing.T) engine.Register {
	t.Helper()
	d, records := statetest.Dir(t)
	s.records = func() []string { return records("s*.*") }
	return engine.Register{State: d, Endpoint: "unix:///e"}
}

// The copy has the rights of the original's command, and nothing that reaches the host or that others see.
func TestCopyHasNoMoreThanItsOriginal(t *testing.T) {
	for _, writable := range []bool{false, true} {
		s := &simulated{}
		register := s.register(t)
		var notes []string
		made, err := s.copy(context.Background(), register, standin.Options{Network: "none", WritableVolumes: writable}, func(text string) { notes = append(notes, text) })
		if err != nil || made.ID != "copy" || made.Program != "docker-nsjoin-c0ffee" {
			t.Fatalf("%+v, %v", made, err)
		}
		s.check(t, writable, notes)
		if err := made.Remove(context.Background(), s); err != nil || len(s.records()) > 0 {
			t.Errorf("%v, records %q", err, s.records())
		}
		if !slices.Contains(s.done, "remove copy") || !slices.Contains(s.done, "remove docker-nsjoin/snapshot:c0ffee") {
			t.Errorf("done: %q", s.done)
		}
	}
}

// check checks the configuration of the copy.
func (s *simulated) check(t *testing.T, writable bool, notes []string) {
	t.Helper()
	checks := s.rights()
	maps.Copy(checks, s.mounts(writable))
	p, err := standin.PlanContainer(t.Context(), s, "web", standin.Options{Network: "none"})
	if err != nil {
		t.Fatal(err)
	}
	checks["what is special"] = len(notes) == 2 && strings.Contains(notes[0], "/odd ") && strings.Contains(notes[1], "/odder ")
	checks["size"] = strings.Contains(p.Describe(), "12.3MB")
	checks["left out"] = slices.Equal(p.LeftOut, []string{
		"--privileged", "its devices", "the pid namespace of host",
		"/docker.sock (the host's sockets, devices or processes may be there)", "/pipe (it is of type npipe)",
		"/host (the host's sockets, devices or processes may be there)", "/sockets (the host's sockets, devices or processes may be there)",
		"/socket (the host's sockets, devices or processes may be there)",
	})
	checks["its records"] = len(s.records()) == 2
	for what, ok := range checks {
		if !ok {
			t.Errorf("writable %t, %s: %+v, %+v, %q, %q", writable, what, s.config, s.host, notes, p.LeftOut)
		}
	}
}

// rights says which parts of the copy's configuration are right.
func (s *simulated) rights() map[string]bool {
	c, h := s.config, s.host
	return map[string]bool{
		"user":       c.User == "app" && c.WorkingDir == "/srv" && slices.Equal(c.Env, []string{"A=1"}) && c.Hostname == "web",
		"image":      c.Image == "sha256:snapshot",
		"command":    slices.Equal(c.Entrypoint, []string{"/docker-nsjoin-c0ffee/nsjoin-helper"}) && slices.Equal(c.Cmd, []string{"hold"}),
		"input":      c.OpenStdin && c.StdinOnce && c.AttachStdin,
		"label":      len(c.Labels) == 1 && c.Labels["proxy"] == "",
		"health":     slices.Equal(c.Healthcheck.Test, []string{"NONE"}),
		"caps":       slices.Equal(h.CapAdd, []string{"NET_ADMIN"}) && slices.Equal(h.CapDrop, []string{"CHOWN"}),
		"privileged": !h.Privileged && slices.Equal(h.SecurityOpt, []string{"no-new-privileges"}),
		"network":    h.NetworkMode == "none" && h.PidMode == "" && len(h.PortBindings) == 0 && len(h.Links) == 0,
		"restart":    h.RestartPolicy.Name == "" && h.AutoRemove,
		"devices":    len(h.Devices) == 0 && len(h.DeviceCgroupRules) == 0 && len(h.DeviceRequests) == 0,
		"names":      slices.Equal(slices.Concat(h.DNS, h.DNSSearch, h.DNSOptions, h.ExtraHosts), []string{"192.0.2.53", "example", "ndots:2", "db:192.0.2.1"}),
		"disk":       h.StorageOpt["size"] == "10G",
		"limits":     h.Memory == 1<<20 && h.CPUQuota == 50_000 && h.CpusetCpus == "0" && h.KernelMemory == 0,
		"namespaces": h.CgroupnsMode == "private" && h.UsernsMode == "",
		"log":        h.LogConfig.Type == "none",
	}
}

// mounts says which of the copy's mounts are right.
func (s *simulated) mounts(writable bool) map[string]bool {
	h := s.host
	return map[string]bool{
		"mounts":    len(h.Mounts) == 5 && len(h.VolumesFrom) == 0 && len(h.Binds) == 0,
		"volume":    h.Mounts[0].Source == "data" && h.Mounts[0].ReadOnly == !writable && h.Mounts[0].VolumeOptions.NoCopy,
		"subpaths":  h.Mounts[0].VolumeOptions.Subpath == "mine" && h.Mounts[4].VolumeOptions.Subpath == "part",
		"recursion": !h.Mounts[1].BindOptions.NonRecursive && h.Mounts[2].BindOptions.NonRecursive,
		"tmpfs":     !h.Mounts[3].ReadOnly && h.Mounts[3].TmpfsOptions.SizeBytes == 1<<20,
		"bind":      h.Mounts[1].Source == "/srv/files" && h.Mounts[1].ReadOnly,
	}
}

// Whatever fails, what was made before is removed.
func TestNothingIsLeftOfACopyThatFails(t *testing.T) {
	for _, fails := range []string{"inspect", "commit", "version", "create", "look", "copy", "attach", "start"} {
		s := &simulated{fails: fails}
		register := s.register(t)
		_, err := s.copy(context.Background(), register, standin.Options{}, noWarning)
		if err == nil || !strings.Contains(err.Error(), `"web": `) || !strings.Contains(err.Error(), "it failed") || strings.Contains(err.Error(), "daemon") {
			t.Errorf("%s: %v", fails, err)
		}
		if len(s.records()) > 0 {
			t.Errorf("%s: records %q", fails, s.records())
		}
		created, committed := slices.Contains(s.done, "look"), slices.Contains(s.done, "version")
		if created != slices.Contains(s.done, "remove copy") || committed != slices.Contains(s.done, "remove docker-nsjoin/snapshot:c0ffee") {
			t.Errorf("%s: done: %q", fails, s.done)
		}
	}
}

// What is beneath a volume that the original does not see is not in the copy, even if the engine no longer says it.
func TestCopyWithoutTheContainerOfItsVolumes(t *testing.T) {
	s := &simulated{gone: true}
	_, err := s.copy(context.Background(), s.register(t), standin.Options{}, noWarning)
	if err != nil || slices.ContainsFunc(s.host.Mounts, func(m mount.Mount) bool { return m.Target == "/other" }) {
		t.Errorf("%v, %+v", err, s.host)
	}
}

// An engine before API 1.44 makes only the topmost mount read-only, so there is no other.
func TestReadOnlyMountsHaveNoWritableOnes(t *testing.T) {
	for _, writable := range []bool{false, true} {
		s := &simulated{version: "1.43"}
		_, err := s.copy(context.Background(), s.register(t), standin.Options{WritableVolumes: writable}, noWarning)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range s.host.Mounts {
			if m.Type == mount.TypeBind && m.ReadOnly && !m.BindOptions.NonRecursive {
				t.Errorf("writable %t: %+v", writable, m)
			}
		}
	}
}

// An image that the engine makes after the call was interrupted is left to the next call.
func TestLateImageStaysRecorded(t *testing.T) {
	s := &simulated{late: true}
	_, err := s.copy(context.Background(), s.register(t), standin.Options{}, noWarning)
	if err == nil || len(s.records()) != 1 {
		t.Errorf("%v, records %q", err, s.records())
	}
}

// The engine makes an image to the end also if the client is interrupted, so that the client waits for it and removes it.
func TestInterruptedCopyIsRemoved(t *testing.T) {
	ctx, interrupt := context.WithCancel(context.Background())
	s := &simulated{onCommit: func(commit context.Context) {
		interrupt()
		if commit.Err() != nil {
			t.Error("the engine's answer is not waited for")
		}
	}}
	_, err := s.copy(ctx, s.register(t), standin.Options{}, noWarning)
	if !errors.Is(err, context.Canceled) || len(s.records()) > 0 || !slices.Contains(s.done, "remove docker-nsjoin/snapshot:c0ffee") || slices.Contains(s.done, "create") {
		t.Errorf("%v, records %q, done %q", err, s.records(), s.done)
	}
}

// A container whose files on the host are gone has a copy without them.
func TestCopyWithoutBindMountsThatAreGone(t *testing.T) {
	s := &simulated{goneSources: []string{"/srv/files", "/srv/flat"}}
	var warned []string
	made, err := s.copy(context.Background(), s.register(t), standin.Options{}, func(text string) { warned = append(warned, text) })
	if err != nil {
		t.Fatal(err)
	}
	kept := func(target string) bool {
		return slices.ContainsFunc(s.host.Mounts, func(m mount.Mount) bool { return m.Target == target })
	}
	if kept("/files") || kept("/flat") || !kept("/data") || !kept("/tmpfs") || len(warned) < 2 || !strings.HasPrefix(warned[0], "left out of the copy: /files (its source is gone") {
		t.Errorf("%+v, warned %q", s.host.Mounts, warned)
	}
	if err := made.Remove(context.Background(), s); err != nil || len(s.records()) > 0 {
		t.Errorf("%v, records %q", err, s.records())
	}
}

// Not every refusal is about a mount.
func TestRefusedCopyNamesNoMount(t *testing.T) {
	s := &simulated{refuses: true}
	var warned []string
	_, err := s.copy(context.Background(), s.register(t), standin.Options{}, func(text string) { warned = append(warned, text) })
	for _, text := range warned {
		if strings.Contains(text, "is gone from the engine's host") {
			t.Errorf("%v, warned %q", err, text)
		}
	}
	if !errdefs.IsInvalidArgument(err) || len(s.records()) > 0 {
		t.Errorf("%v, records %q", err, s.records())
	}
}

// The engine opens these files when it starts a container, and a FIFO would make it wait without end.
func TestCopyWithoutAccountsIsNotStarted(t *testing.T) {
	for name, target := range map[string]string{"/etc/passwd": "", "/etc/group": "/proc/kmsg", "/etc": "/other"} {
		s := &simulated{accounts: name, target: target}
		_, err := s.copy(context.Background(), s.register(t), standin.Options{}, noWarning)
		if err == nil || !strings.Contains(err.Error(), name) || slices.Contains(s.done, "start") || !slices.Contains(s.done, "remove copy") || len(s.records()) > 0 {
			t.Errorf("%s: %v, done %q", name, err, s.done)
		}
	}
}

// With a user for the command, the original's need not exist: the engine is not asked to look it up.
func TestCopyForAnotherUser(t *testing.T) {
	for asked, want := range map[string]string{"": "app", "0": "0", "nobody:nogroup": "0"} {
		s := &simulated{}
		if _, err := s.copy(context.Background(), s.register(t), standin.Options{User: asked}, noWarning); err != nil || s.config.User != want {
			t.Errorf("%q: %v, user %q", asked, err, s.config.User)
		}
		s = &simulated{fails: "start"}
		_, err := s.copy(context.Background(), s.register(t), standin.Options{User: asked}, noWarning)
		failed, is := errors.AsType[*exit.Error](err)
		if hinted := is && failed.Hint == `if there is no user "app" in it: -u 0 runs the command as root`; hinted != (asked == "") {
			t.Errorf("%q: %+v", asked, err)
		}
	}
}

// The copy does not reach more networks than the original, unless the user names one.
func TestNetworkOfACopy(t *testing.T) {
	for names, want := range map[string]container.NetworkMode{
		"": "none", "none": "none", "bridge": "default", "host": "default", "app": "default", "internal": "none", "gone": "none", "internal app": "default",
	} {
		s := &simulated{networks: make(map[string]*network.EndpointSettings)}
		for name := range strings.FieldsSeq(names) {
			s.networks[name] = nil
		}
		_, err := s.copy(context.Background(), s.register(t), standin.Options{}, noWarning)
		if err != nil || s.host.NetworkMode != want {
			t.Errorf("%q: %v, %v", names, err, s.host.NetworkMode)
		}
	}
	s := &simulated{}
	_, err := s.copy(context.Background(), s.register(t), standin.Options{Network: "container:db"}, noWarning)
	if err != nil || s.host.NetworkMode != "container:db" || s.config.Hostname+s.config.Domainname != "" || s.host.DNS != nil || s.host.ExtraHosts != nil { // the engine refuses these
		t.Errorf("%v, %v, hostname %q, %+v", err, s.host.NetworkMode, s.config.Hostname, s.host)
	}
	// The network of another container is not the copy's, and that is said.
	s = &simulated{mode: "container:db"}
	p, err := standin.PlanContainer(t.Context(), s, "web", standin.Options{})
	if err != nil || !slices.Contains(p.LeftOut, "its network (container:db; --network NAME gives one)") {
		t.Errorf("%v, left out: %q", err, p.LeftOut)
	}
}
