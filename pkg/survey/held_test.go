package survey_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/nsjoin/docker-nsjoin/pkg/ns"
	"github.com/nsjoin/docker-nsjoin/pkg/survey"
)

func TestHeldAreNamespacesOfNoContainer(t *testing.T) {
	h := pod()
	web := h.Groups[h.find("web").Group].Namespaces
	nodes := h.Groups[0].Namespaces
	nodes[ns.Net] = 7
	pid := h.process(h.group(nodes), 1, &survey.Origin{Cmdline: "sleep\x0060\x00"})
	h.process(h.group(nodes), pid, nil)
	h.Held = []survey.Holder{
		{PID: 1, Mount: mounted(fmt.Sprintf("net:[%d]", web[ns.Net]), "/run/docker/netns/1")}, // the container's
		{PID: 1, Mount: mounted(fmt.Sprintf("net:[%d]", hosts), "/run/netns/host")},           // the host's
		{PID: 1, Mount: mounted("net:[8]", "/run/netns/blue\u3000sky")},
		{PID: 9, Mount: mounted("net:[8]", "/run/netns/blue\u3000sky")}, // seen by another mount namespace
		{PID: 9, Link: "uts:[9]", FD: 3},
		{PID: 9, Link: "net:[7]", FD: 4},
		{PID: 9, Link: "pipe:[4026]", FD: 5},
	}
	want := []survey.Unowned{
		{Kind: ns.Net, Inode: 7, Processes: 2, HeldBy: []string{fmt.Sprintf("process %d, sleep 60", pid), "descriptor 4 of process 9"}},
		{Kind: ns.Net, Inode: 8, HeldBy: []string{"/run/netns/blue\ufffdsky"}},
		{Kind: ns.UTS, Inode: 9, HeldBy: []string{"descriptor 3 of process 9"}},
	}
	got := survey.Held(&h.Survey)
	if !slices.EqualFunc(got, want, func(a, b survey.Unowned) bool { return fmt.Sprint(a) == fmt.Sprint(b) }) {
		t.Errorf("%v\nwant %v", got, want)
	}
}

// mounted is a line of mountinfo.
func mounted(link, path string) string {
	return "523 25 0:4 " + link + " " + path + " rw shared:242 - nsfs nsfs rw\n"
}
