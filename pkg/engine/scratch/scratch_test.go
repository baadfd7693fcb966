package scratch_test

import (
	"context"
	"errors"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/network"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/nsjoin/docker-nsjoin/pkg/engine"
	"github.com/nsjoin/docker-nsjoin/pkg/engine/scratch"
	"github.com/nsjoin/docker-nsjoin/pkg/leaktest"
	"github.com/nsjoin/docker-nsjoin/pkg/state"
	"github.com/nsjoin/docker-nsjoin/pkg/state/statetest"
)

func TestMain(m *testing.M) { os.Exit(leaktest.Run(m)) }

// client is an engine that creates and removes containers as the test says.
type client struct {
	create  func(name string, platform *ocispec.Platform) (string, error)
	remove  func(id string) error
	removed []string
}

func (c *client) ContainerCreate(_ context.Context, config *container.Config, _ *container.HostConfig, _ *network.NetworkingConfig, p *ocispec.Platform, name string) (container.CreateResponse, error) {
	if config.Image != "sha256:1" || len(config.Entrypoint) != 1 {
		return container.CreateResponse{}, errors.New("another configuration")
	}
	id, err := c.create(name, p)
	return container.CreateResponse{ID: id}, err
}

func (c *client) ContainerRemove(_ context.Context, id string, options container.RemoveOptions) error {
	c.removed = append(c.removed, id)
	if !options.RemoveVolumes {
		return errors.New("its volumes stay")
	}
	if c.remove == nil {
		return nil
	}
	return c.remove(id)
}

// register returns a register, and a function that lists its records.
func register(t *testing.T) (engine.Register, func() []string) {
	t.Helper()
	d, records := statetest.Dir(t)
	return engine.Register{State: d, Endpoint: "unix:///e"}, func() []string { return records("scratch.*") }
}

func TestCreateAndRemove(t *testing.T) {
	r, records := register(t)
	c := &client{create: func(name string, p *ocispec.Platform) (string, error) {
		if len(records()) != 1 || p != nil || !strings.HasPrefix(name, "docker-nsjoin-scratch-") {
			return "", errors.New("it was not recorded before")
		}
		return "0f", nil
	}}
	made, err := scratch.OfImage(context.Background(), c, r, "sha256:1", scratch.ParsePlatform("linux", "arm64", ""))
	if err != nil || made.ID != "0f" {
		t.Fatalf("%+v, %v", made, err)
	}
	if err := made.Remove(context.Background()); err != nil || len(records()) > 0 || len(c.removed) != 1 || c.removed[0] != "0f" {
		t.Errorf("%v, removed %q, records %q", err, c.removed, records())
	}
}

// An engine whose own platform is another one is asked again with the image's.
func TestPlatform(t *testing.T) {
	r, records := register(t)
	c := &client{create: func(_ string, p *ocispec.Platform) (string, error) {
		if p == nil {
			return "", errdefs.ErrNotFound
		}
		return p.OS + p.Architecture, nil
	}}
	made, err := scratch.OfImage(context.Background(), c, r, "sha256:1", scratch.ParsePlatform("", "arm64", ""))
	if err != nil || made.ID != "linuxarm64" || len(records()) != 1 {
		t.Fatalf("%+v, %v, %q", made, err, records())
	}
	_ = made.Remove(context.Background())
	if scratch.ParsePlatform("linux", "", "") != nil {
		t.Error("a platform of nothing")
	}
}

func TestFailures(t *testing.T) {
	for name, row := range map[string]struct {
		create  error
		remove  error
		cancel  bool
		removed int // requests; -1 for several
		records int
	}{
		"the engine refuses":               {create: errdefs.ErrInvalidArgument},
		"no answer, and it exists":         {create: io.ErrUnexpectedEOF, removed: 1},
		"no answer, and it does not exist": {create: io.ErrUnexpectedEOF, remove: errdefs.ErrNotFound, removed: -1, records: 1},
		"no answer to both":                {create: io.ErrUnexpectedEOF, remove: io.ErrUnexpectedEOF, removed: 1, records: 1},
		"interrupted":                      {cancel: true, removed: 1},
		"interrupted, not removed":         {cancel: true, remove: io.ErrUnexpectedEOF, removed: 1, records: 1},
	} {
		t.Run(name, func(t *testing.T) {
			r, records := register(t)
			c := &client{
				create: func(string, *ocispec.Platform) (string, error) { return "0f", row.create },
				remove: func(string) error { return row.remove },
			}
			ctx, cancel := context.WithCancel(context.Background())
			defer cancel()
			if row.cancel {
				cancel()
			}
			_, err := scratch.OfImage(ctx, c, r, "sha256:1", nil)
			if err == nil || row.removed >= 0 && len(c.removed) != row.removed || row.removed < 0 && len(c.removed) < 2 || len(records()) != row.records {
				t.Errorf("%v, removed %q, records %q", err, c.removed, records())
			}
		})
	}
}

// What killed clients have left is removed by the next call, by ID or by name, on the same engine only.
func TestSweep(t *testing.T) {
	r, records := register(t)
	for _, e := range []state.Entry{
		{Name: "with-id", ID: "0a", Endpoint: r.Endpoint}, {Name: "without", Endpoint: r.Endpoint}, {Name: "elsewhere", ID: "0b", Endpoint: "tcp://other"},
	} {
		record, err := r.State.Add(state.Scratch, e)
		if err != nil {
			t.Fatal(err)
		}
		record.Release()
	}
	c := &client{create: func(string, *ocispec.Platform) (string, error) { return "0f", nil }}
	made, err := scratch.OfImage(context.Background(), c, r, "sha256:1", nil)
	if err != nil {
		t.Fatal(err)
	}
	_ = made.Remove(context.Background())
	if got := strings.Join(c.removed, " "); got != "0a without 0f" || len(records()) != 1 {
		t.Errorf("removed %s, records %q", got, records())
	}
}

// Without a record nothing is created: a killed client would leave it behind.
func TestNoState(t *testing.T) {
	r, _ := register(t)
	statetest.Spoil(t, r.State)
	c := &client{create: func(string, *ocispec.Platform) (string, error) {
		t.Error("it was created")
		return "0f", nil
	}}
	if made, err := scratch.OfImage(context.Background(), c, r, "sha256:1", nil); err == nil {
		t.Errorf("%+v", made)
	}
}

// What a busy engine cannot remove at once is removed a moment later, and leaves no record.
func TestRemoveIsTriedAgain(t *testing.T) {
	r, records := register(t)
	calls := 0
	c := &client{
		create: func(string, *ocispec.Platform) (string, error) { return "0f", nil },
		remove: func(string) error {
			if calls++; calls == 1 {
				return errdefs.ErrConflict
			}
			return nil
		},
	}
	made, err := scratch.OfImage(context.Background(), c, r, "sha256:1", nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := made.Remove(context.Background()); err != nil || calls != 2 || len(records()) > 0 {
		t.Errorf("%v after %d calls, records %q", err, calls, records())
	}
}
