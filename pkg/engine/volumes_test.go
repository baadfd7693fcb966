package engine_test

import (
	"slices"
	"testing"

	"github.com/docker/docker/api/types/container"

	"github.com/nsjoin/docker-nsjoin/pkg/engine"
	"github.com/nsjoin/docker-nsjoin/pkg/request"
)

// An image names its volumes as it likes. Before, the engine refused /data/ beside /data:
// no command could be run through the engine.
func TestHostileVolumesOfTheContainer(t *testing.T) {
	c := &creator{images: []string{"image of web"}}
	s := serving(t, func(web *container.InspectResponse, _ *request.Request) {
		web.Config.Volumes = map[string]struct{}{"/data": {}, "/data/": {}, "/x/../data": {}, "/a:b": {}}
	})
	if _, err := engine.StartOn(t.Context(), c, engine.Register{}, s, archive, noWarning(t)); err != nil {
		t.Fatal(err)
	}
	if got := tmpfses(c.hosts[0]); !slices.Equal(got, []string{"/a:b", "/data"}) || len(c.inspected) > 0 {
		t.Errorf("%q; asked for the images %q", got, c.inspected)
	}
}

// The helper of ls has the image of any container, the one of a command may have another
// that the user named. Before, the engine made volumes for these.
func TestHelperOfAnotherImageHasNoVolume(t *testing.T) {
	c := &creator{images: []string{"other"}, volumes: map[string][]string{"other": {"/data"}}}
	named := serving(t, nil)
	named.Image, named.ImageGiven = "other", true
	for name, s := range map[string]engine.Spec{"of ls": {Image: "other", Args: []string{"/helper"}}, "named": named} {
		c.hosts = nil
		if _, err := engine.StartOn(t.Context(), c, engine.Register{}, s, archive, noWarning(t)); err != nil {
			t.Fatal(err)
		}
		if got := tmpfses(c.hosts[0]); !slices.Equal(got, []string{"/data"}) {
			t.Errorf("%s: %q", name, got)
		}
	}
}

// No container of an image with VOLUME / can be started.
func TestHostileImageOfNoUse(t *testing.T) {
	c := &creator{images: []string{"bad", "good"}, volumes: map[string][]string{"bad": {"/.."}}}
	if _, err := engine.StartOn(t.Context(), c, engine.Register{}, engine.Spec{Args: []string{"/helper"}}, archive, noWarning(t)); err != nil {
		t.Fatal(err)
	}
	if len(c.made) != 1 || c.made[0].Image != "good" {
		t.Errorf("made %+v", c.made)
	}
}

// Engine 28 copies nothing into a container with VOLUME data, and every engine makes a
// volume for it. Another image will do; where there is no other, older engines do.
func TestHostileVolumeOfARelativePath(t *testing.T) {
	for want, images := range map[string][]string{"good": {"image of web", "good"}, "image of web": {"image of web"}} {
		c := &creator{images: images, volumes: map[string][]string{"image of web": {"data"}}}
		s := serving(t, func(web *container.InspectResponse, _ *request.Request) {
			web.Config.Volumes = map[string]struct{}{"data": {}}
		})
		if _, err := engine.StartOn(t.Context(), c, engine.Register{}, s, archive, noWarning(t)); err != nil {
			t.Fatal(err)
		}
		if len(c.made) != 1 || c.made[0].Image != want {
			t.Errorf("made %+v, want of %s", c.made, want)
		}
	}
}

// tmpfses are where a container has one.
func tmpfses(h *container.HostConfig) []string {
	var list []string
	for _, m := range h.Mounts {
		if m.Type == "tmpfs" {
			list = append(list, m.Target)
		}
	}
	return list
}
