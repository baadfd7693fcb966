//go:build linux

package join

import (
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

// Without close_range(2), before Linux 5.9, a descriptor of the caller's is closed whatever its number. Before,
// descriptors from 4096 on stayed open in the command.
func TestDescriptorsAreClosedOneByOne(t *testing.T) {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	const high = 6000
	if limit.Cur <= high {
		t.Skipf("only %d descriptors are allowed here", limit.Cur)
	}
	null := open(t, os.DevNull)
	if err := unix.Dup3(int(null.Fd()), high, 0); err != nil { // stays open across an exec
		t.Fatal(err)
	}
	defer unix.Close(high)
	p := ours(t, []string{"/bin/sh"}, "sh", "-c", `[ ! -e /proc/$$/fd/6000 ]`)
	channel := testChannel(t)
	prog, err := compile(p, Held{Stdio: [3]*os.File{null, null, null}}, false, channel)
	if err != nil {
		t.Fatal(err)
	}
	if prog.lastFD, err = highest(); err != nil || prog.lastFD < high {
		t.Fatalf("the highest descriptor is %d, %v", prog.lastFD, err)
	}
	last, err := begin(prog)
	if err != nil {
		t.Fatal(err)
	}
	defer last.reap()
	channel.closeChildEnds()
	f := &follower{plan: p, prog: prog, channel: channel, last: last, exe: "/proc/self/exe", onReady: func(int, *os.File) error { return nil }}
	if err := f.follow(); err != nil {
		t.Fatal(err)
	}
	if status, err := (&Child{process: last}).Wait(); err != nil || status != 0 {
		t.Errorf("descriptor %d is open in the command: status %d, %v", high, status, err)
	}
}
