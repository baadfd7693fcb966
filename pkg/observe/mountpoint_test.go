//go:build linux

package observe

import (
	"slices"
	"testing"

	"github.com/nsjoin/docker-nsjoin/pkg/plan"
	"github.com/nsjoin/docker-nsjoin/pkg/procfs"
)

func TestBeneath(t *testing.T) {
	list := []procfs.Mount{{ID: 5, Parent: 4}, {ID: 1, Parent: 0}, {ID: 4, Parent: 2}, {ID: 2, Parent: 1}, {ID: 3, Parent: 1}, {ID: 7, Parent: 7}}
	for id, want := range map[int][]int{1: {5, 4, 2, 3}, 2: {5, 4}, 5: nil, 7: nil, 9: nil} {
		var got []int
		for _, m := range Beneath(list, id) {
			got = append(got, m.ID)
		}
		if !slices.Equal(got, want) {
			t.Errorf("beneath %d: %d, want %d", id, got, want)
		}
	}
}

// A container can stack as many mounts as the kernel allows, and move them so that each comes before the one that it is on.
// Looking at all for each of them would take longer than any test may.
func TestManyStackedMounts(t *testing.T) {
	const most = 100_000
	var list []procfs.Mount
	for id := most; id > 0; id-- {
		list = append(list, procfs.Mount{ID: id, Parent: id - 1, Type: "tmpfs", Path: "/"})
	}
	if found := Beneath(list, 1); len(found) != most-1 {
		t.Errorf("%d are beneath the lowest", len(found))
	}
	point := plan.MountPoint{Mount: most, Path: "/"}
	if err := describeParents(list, 1, &point); err != nil || len(point.Types) != most {
		t.Errorf("%d types, %v", len(point.Types), err)
	}
	if err := describeParents(list, most+1, &point); err == nil {
		t.Error("a root that is not there is found")
	}
}
