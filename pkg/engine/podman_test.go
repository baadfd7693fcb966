package engine

import (
	"errors"
	"testing"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types"
	"github.com/docker/docker/api/types/container"
)

// Podman's service does not accept the names that it returns.
func TestUlimitsHaveDockersNames(t *testing.T) {
	answered := []*container.Ulimit{{Name: "RLIMIT_NOFILE", Soft: 1, Hard: 2}, {Name: "nproc", Soft: 3, Hard: 4}}
	got := Ulimits(answered)
	if len(got) != 2 || got[0].String() != "nofile=1:2" || got[1].String() != "nproc=3:4" {
		t.Errorf("%v", got)
	}
	if answered[0].Name != "RLIMIT_NOFILE" {
		t.Error("the answer was changed")
	}
}

func TestIsPodman(t *testing.T) {
	for name, want := range map[string]bool{"Podman Engine": true, "Engine": false, "": false} {
		v := types.Version{Components: []types.ComponentVersion{{Name: "Engine"}, {Name: name}}}
		if IsPodman(v) != want {
			t.Errorf("%q: %t", name, !want)
		}
	}
}

// "not found" from a later step is not about the image.
func TestIsImageGone(t *testing.T) {
	for _, row := range []struct {
		err  error
		want bool
	}{
		{wrapStep(errdefs.ErrNotFound, stepCreate), true},
		{wrapStep(errdefs.ErrNotFound, "copy the helper into its container"), false},
		{wrapStep(errors.New("no"), stepCreate), false},
		{errdefs.ErrNotFound, false},
		{nil, false},
	} {
		if isImageGone(row.err) != row.want {
			t.Errorf("%v: %t", row.err, !row.want)
		}
	}
}
