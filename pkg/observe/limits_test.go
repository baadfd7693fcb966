//go:build linux

package observe

import (
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/pkg/plan"
)

// The file in /proc has the same limits as getrlimit(2).
func TestLimitsAreThoseOfTheKernel(t *testing.T) {
	got, err := openTestProcess(t, os.Getpid()).limits()
	if err != nil {
		t.Fatal(err)
	}
	for i, r := range plan.Resources() {
		var want unix.Rlimit
		if err := unix.Getrlimit(int(r), &want); err != nil {
			t.Fatal(err)
		}
		if got[i] != (plan.Limit{Resource: r, Soft: want.Cur, Hard: want.Max}) {
			t.Errorf("%s, and not %d:%d", got[i], want.Cur, want.Max)
		}
	}
}

func TestLimitsOfAnotherUser(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Fatal("needs root")
	}
	cmd := running(t, "setpriv", "--reuid", "4242", "--regid", "4242", "--clear-groups",
		"sh", "-c", "ulimit -n 37; read ready; echo $ready; read end")
	got, err := openTestProcess(t, cmd.Process.Pid).limits()
	if err != nil {
		t.Fatal(err)
	}
	if nofile := got[unix.RLIMIT_NOFILE]; nofile.String() != "nofile=37:37" {
		t.Errorf("%s, and not nofile=37:37", nofile)
	}
}

func TestMalformedLimits(t *testing.T) {
	const heading = "Limit                     Soft Limit           Hard Limit           Units     \n"
	cpu := "Max cpu time              unlimited            unlimited            seconds   \n"
	for _, text := range []string{
		"", heading, heading + cpu,
		heading + "Max cpu time              unlimited\n",
		heading + strings.Replace(cpu, "unlimited", "-1       ", 1),
	} {
		if got, err := plan.ParseLimits(text); err == nil {
			t.Errorf("%q is read as %v", text, got)
		}
	}
}
