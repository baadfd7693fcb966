package survey_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/nsjoin/docker-nsjoin/pkg/ns"
	"github.com/nsjoin/docker-nsjoin/pkg/survey"
)

func TestUnownedNamespaces(t *testing.T) {
	h := pod()
	web := h.Groups[h.find("web").Group].Namespaces
	nodes := h.Groups[0].Namespaces
	nodes[ns.Net] = 7
	pid := h.process(h.group(nodes), 1, &survey.Origin{Command: "sleep 60"})
	h.process(h.group(nodes), pid, nil)
	h.Held = []survey.Holder{
		{PID: 1, Kind: ns.Net, Inode: web[ns.Net], Path: "/run/docker/netns/1"}, // the container's
		{PID: 1, Kind: ns.Net, Inode: hosts, Path: "/run/netns/host"},           // the host's
		{PID: 1, Kind: ns.Net, Inode: 8, Path: "/run/netns/blue", More: 2},
		{PID: 9, Kind: ns.Net, Inode: 8, Path: "/run/netns/blue"}, // seen by another mount namespace
		{PID: 9, Kind: ns.UTS, Inode: 9, FD: 3},
		{PID: 9, Kind: ns.Net, Inode: 7, FD: 4},
	}
	want := []survey.Unowned{
		{Kind: ns.Net, Inode: 7, Processes: 2, HeldBy: []string{fmt.Sprintf("process %d, sleep 60", pid), "descriptor 4 of process 9"}},
		{Kind: ns.Net, Inode: 8, HeldBy: []string{"/run/netns/blue"}, MoreHolders: 2},
		{Kind: ns.UTS, Inode: 9, HeldBy: []string{"descriptor 3 of process 9"}},
	}
	printed := h.Reduce(true)
	if !slices.Equal(printed, []int{pid}) {
		t.Errorf("%v are printed, want %d", printed, pid)
	}
	got, more := survey.UnownedNamespaces(&h.Survey)
	if more != 0 || !slices.EqualFunc(got, want, func(a, b survey.Unowned) bool { return fmt.Sprint(a) == fmt.Sprint(b) }) {
		t.Errorf("%v\nwant %v", got, want)
	}
}

func TestParseLink(t *testing.T) {
	for _, row := range []struct {
		link  string
		kind  ns.Kind
		inode uint64
		ok    bool
	}{
		{"net:[4026531833]", ns.Net, 4026531833, true},
		{"pipe:[4026]", 0, 0, false},
		{"net:[-1]", ns.Net, 0, false},
		{"/run/netns", 0, 0, false},
		{"", 0, 0, false},
	} {
		kind, inode, ok := survey.ParseLink(row.link)
		if ok != row.ok || ok && (kind != row.kind || inode != row.inode) {
			t.Errorf("%q: %s %d %t", row.link, kind, inode, ok)
		}
	}
}
