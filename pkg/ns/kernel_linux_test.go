package ns_test

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/nsjoin/docker-nsjoin/pkg/ns"
)

func TestFlagsAreTheKernels(t *testing.T) {
	for k, want := range map[ns.Kind]uint32{
		ns.Cgroup: syscall.CLONE_NEWCGROUP,
		ns.IPC:    syscall.CLONE_NEWIPC,
		ns.Mnt:    syscall.CLONE_NEWNS,
		ns.Net:    syscall.CLONE_NEWNET,
		ns.PID:    syscall.CLONE_NEWPID,
		ns.Time:   syscall.CLONE_NEWTIME,
		ns.User:   syscall.CLONE_NEWUSER,
		ns.UTS:    syscall.CLONE_NEWUTS,
	} {
		if k.Flag() != want {
			t.Errorf("%s: flag %#x, want %#x", k, k.Flag(), want)
		}
		if got := ns.SetOf(k).Flags(); got != want {
			t.Errorf("%s: flags of the set %#x, want %#x", k, got, want)
		}
	}
}

// /proc/self/ns also has the namespaces for children.
func TestKindsAreThoseOfProc(t *testing.T) {
	entries, err := os.ReadDir("/proc/self/ns") // sorted
	if err != nil {
		t.Fatal(err)
	}
	var kernel []string
	for _, e := range entries {
		if !strings.HasSuffix(e.Name(), "_for_children") {
			kernel = append(kernel, e.Name())
		}
	}
	var ours []string
	for _, k := range ns.Kinds() {
		// Old kernels lack it.
		if k == ns.Time && !slices.Contains(kernel, "time") {
			continue
		}
		ours = append(ours, k.String())
	}
	if !slices.Equal(ours, kernel) {
		t.Errorf("the kinds are %v, the kernel has %v", ours, kernel)
	}
}

func TestLinkIsTheKernels(t *testing.T) {
	for _, k := range ns.Kinds() {
		file := fmt.Sprintf("/proc/self/ns/%s", k)
		want, err := os.Readlink(file)
		if os.IsNotExist(err) {
			continue // old kernels lack time
		}
		if err != nil {
			t.Fatal(err)
		}
		var st syscall.Stat_t
		if err := syscall.Stat(file, &st); err != nil {
			t.Fatal(err)
		}
		id := ns.ID{Dev: uint64(st.Dev), Ino: st.Ino}
		if got := id.Link(k); got != want {
			t.Errorf("Link is %q, the kernel says %q", got, want)
		}
	}
}
