package engine_test

import (
	"slices"
	"testing"

	"github.com/docker/docker/api/types/container"

	"github.com/nsjoin/docker-nsjoin/pkg/engine"
	"github.com/nsjoin/docker-nsjoin/pkg/request"
)

// An image chooses the paths of its volumes. Once the engine refused a helper container with /data/ beside
// /data, so that no command could run.
func TestHostileVolumesOfTheImage(t *testing.T) {
	c := &fakeEngine{images: []string{"image of web"}}
	s := newTestSpec(t, func(web *container.InspectResponse, _ *request.Request) {
		web.Config.Volumes = map[string]struct{}{"/data": {}, "/data/": {}, "/x/../data": {}, "/a:b": {}}
	})
	if _, err := engine.StartHelper(t.Context(), c, engine.Register{}, files, engine.Keep{}, s, nil, noWarning(t)); err != nil {
		t.Fatal(err)
	}
	if got := tmpfsTargets(c.hostConfigs[0]); !slices.Equal(got, []string{"/a:b", "/data"}) || len(c.inspected) > 0 {
		t.Errorf("tmpfs at %q; inspected images %q", got, c.inspected)
	}
}

// The helper of ls uses the image of any container, and the user can name another one. Once the engine
// made volumes for these.
func TestHelperOfAnotherImageMakesNoVolume(t *testing.T) {
	c := &fakeEngine{images: []string{"other"}, volumes: map[string][]string{"other": {"/data"}}}
	named := newTestSpec(t, nil)
	named.Image, named.ImageGiven = "other", true
	for name, s := range map[string]engine.Spec{"of ls": {Image: "other"}, "named": named} {
		c.hostConfigs = nil
		if _, err := engine.StartHelper(t.Context(), c, engine.Register{}, files, engine.Keep{}, s, nil, noWarning(t)); err != nil {
			t.Fatal(err)
		}
		if got := tmpfsTargets(c.hostConfigs[0]); !slices.Equal(got, []string{"/data"}) {
			t.Errorf("%s: %q", name, got)
		}
	}
}

// No container of an image with VOLUME / can be started.
func TestHostileUnusableImage(t *testing.T) {
	c := &fakeEngine{images: []string{"bad", "good"}, volumes: map[string][]string{"bad": {"/.."}}}
	if _, err := engine.StartHelper(t.Context(), c, engine.Register{}, files, engine.Keep{}, engine.Spec{}, nil, noWarning(t)); err != nil {
		t.Fatal(err)
	}
	if len(c.configs) != 1 || c.configs[0].Image != "good" {
		t.Errorf("created %+v", c.configs)
	}
}

// Engine 28 copies nothing into a container with VOLUME data, and every engine makes a volume for it.
// Another image is used; if there is none, older engines work.
func TestHostileVolumeWithRelativePath(t *testing.T) {
	for want, images := range map[string][]string{"good": {"image of web", "good"}, "image of web": {"image of web"}} {
		c := &fakeEngine{images: images, volumes: map[string][]string{"image of web": {"data"}}}
		s := newTestSpec(t, func(web *container.InspectResponse, _ *request.Request) {
			web.Config.Volumes = map[string]struct{}{"data": {}}
		})
		if _, err := engine.StartHelper(t.Context(), c, engine.Register{}, files, engine.Keep{}, s, nil, noWarning(t)); err != nil {
			t.Fatal(err)
		}
		if len(c.configs) != 1 || c.configs[0].Image != want {
			t.Errorf("created %+v, want image %s", c.configs, want)
		}
	}
}

func tmpfsTargets(h *container.HostConfig) []string {
	var list []string
	for _, m := range h.Mounts {
		if m.Type == "tmpfs" {
			list = append(list, m.Target)
		}
	}
	return list
}
