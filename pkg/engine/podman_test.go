package engine

import (
	"errors"
	"testing"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types"
	"github.com/docker/docker/api/types/container"
)

// What Podman's service answers isn't what it takes.
func TestUlimitsAreAskedForByTheNamesOfDocker(t *testing.T) {
	answered := []*container.Ulimit{{Name: "RLIMIT_NOFILE", Soft: 1, Hard: 2}, {Name: "nproc", Soft: 3, Hard: 4}}
	got := ulimits(answered)
	if len(got) != 2 || got[0].String() != "nofile=1:2" || got[1].String() != "nproc=3:4" {
		t.Errorf("%v", got)
	}
	if answered[0].Name != "RLIMIT_NOFILE" {
		t.Error("the answer itself is changed")
	}
}

func TestPodmanIsToldByItsName(t *testing.T) {
	for name, want := range map[string]bool{"Podman Engine": true, "Engine": false, "": false} {
		v := types.Version{Components: []types.ComponentVersion{{Name: "Engine"}, {Name: name}}}
		if isPodman(v) != want {
			t.Errorf("%q: %t", name, !want)
		}
	}
}

// What isn't found later is not the image.
func TestImageIsGoneWhereCreatingFails(t *testing.T) {
	for _, row := range []struct {
		err  error
		want bool
	}{
		{step(errdefs.ErrNotFound, creating), true},
		{step(errdefs.ErrNotFound, "copy the helper into its container"), false},
		{step(errors.New("no"), creating), false},
		{errdefs.ErrNotFound, false},
		{nil, false},
	} {
		if imageGone(row.err) != row.want {
			t.Errorf("%v: %t", row.err, !row.want)
		}
	}
}
