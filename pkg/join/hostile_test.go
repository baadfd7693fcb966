//go:build linux

package join

import (
	"errors"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/pkg/plan"
)

// The container's root can trace the process that becomes the command. Even before it runs the command, root
// controls the process and both ends of its pipes.

// hostile are scripts of a second child that the container's root controls. Its descriptors 3 and 4 are the pipes.
var hostile = []struct{ name, script, want string }{
	// Before, the helper killed or mapped the process that such a message named, or panicked.
	{
		"old messages", `printf '\004\000\000\000\000\000\000\000\377\377\377\377\006\000\000\000\377\377\377\177\001\000\000\000' >&3; exec sleep 600`,
		`join "web": the child neither reports nor ends`,
	},
	{"bytes without end", `while printf xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx; do :; done >&3`, `join "web": the child neither reports nor ends`},
	// Before, the helper blocked in a write to the full pipe.
	{
		"a sync pipe that is full", `dd if=/dev/zero bs=4096 count=16 2>/dev/null >/proc/self/fd/4; printf r >&3; exec sleep 600 3>&-`,
		"",
	},
	// Before, a process that held the pipe open kept the helper from noticing the exec.
	{"the pipe is held", `sleep 600 <&- >&- 2>&- & printf r >&3; head -c1 <&4 >/dev/null; exec sleep 600`, ""},
	{"the command has ended and the pipe is held", `sleep 600 <&- >&- 2>&- & printf r >&3; head -c1 <&4 >/dev/null; exit 3`, ""},
	{"the pipe is closed early", `exec sleep 600 3>&- 4>&-`, `join "web": the child neither reports nor ends`},
	{"an exit status of its own", `printf r >&3; head -c1 <&4 >/dev/null; printf f >&3; exit 255`, `join "web": the process ended with status 255 before the command ran`},
}

func TestHostileChild(t *testing.T) {
	for _, row := range hostile {
		t.Run(row.name, func(t *testing.T) {
			f, _ := following(t, row.script)
			err := followed(t, f)
			if got := text(err); got != row.want {
				t.Errorf("%q, want %q", got, row.want)
			}
			f.abandon()
			nothingLeft(t, row.name)
		})
	}
}

// A report that names a process which isn't our child is ignored: that process is not signalled, mapped or
// read. Before, it was killed, and 4294967295 meant every process of the host.
func TestHostileNumber(t *testing.T) {
	other := exec.Command("sh", "-c", "sleep 600 & echo $!; wait")
	out, err := other.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := other.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = other.Wait() }()
	defer func() { _ = unix.Kill(-other.Process.Pid, unix.SIGKILL); _ = other.Process.Kill() }()
	line := make([]byte, 32)
	n, err := out.Read(line)
	if err != nil {
		t.Fatal(err)
	}
	grandchild, err := strconv.Atoi(strings.TrimSpace(string(line[:n])))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = unix.Kill(grandchild, unix.SIGKILL) }()
	for _, pid := range []int{1, os.Getpid(), os.Getppid(), grandchild, -1, 0, 1 << 22} {
		if p, err := openChild(pid); err == nil {
			t.Errorf("process %d is opened: %+v", pid, p)
			p.reap()
		}
		f, ready := following(t, `printf r >&3; exec sleep 600`)
		mine := int(f.channel.report.child)
		f.channel.report.child = int32(pid)
		if err := followed(t, f); err == nil || len(*ready) > 0 {
			t.Errorf("process %d: %v, ready %v", pid, err, *ready)
		}
		f.abandon()
		if err := unix.Kill(grandchild, 0); err != nil {
			t.Fatalf("process %d is gone: %v", grandchild, err)
		}
		_ = unix.Kill(mine, unix.SIGKILL)
		_, _ = unix.Wait4(mine, nil, unix.WALL, nil)
	}
}

// The helper gives up a child that the container's root has stopped, once the command is not wanted any more.
// Before, it waited without a limit, and ignored SIGINT and SIGTERM.
func TestHostileStop(t *testing.T) {
	for name, script := range map[string]string{
		"before it is ready":    `kill -STOP $$`,
		"after it is ready":     `printf r >&3; kill -STOP $$`,
		"after it has failed":   `printf r >&3; head -c1 <&4 >/dev/null; printf f >&3; kill -STOP $$`,
		"after it was released": `printf r >&3; head -c1 <&4 >/dev/null; kill -STOP $$`,
	} {
		t.Run(name, func(t *testing.T) {
			f, _ := following(t, script)
			f.held.Unwanted = func() bool { return true }
			if err := followed(t, f); err == nil || name != "after it has failed" && !errors.Is(err, ErrInterrupted) {
				t.Errorf("%v, want %v", err, ErrInterrupted)
			}
			f.abandon()
			nothingLeft(t, name)
		})
	}
}

// A first child that is killed before, while or after it forks leaves nothing.
func TestHostileKill(t *testing.T) {
	for _, after := range []time.Duration{0, 50 * time.Microsecond, 200 * time.Microsecond, time.Millisecond} {
		channel := testChannel(t)
		p := ours(t, []string{"/bin/true"}, "true")
		p.Steps = append([]plan.Step{{Op: plan.OpFork}}, p.Steps...)
		null := open(t, os.DevNull)
		prog, err := compile(p, Held{Stdio: [3]*os.File{null, null, null}}, false, channel)
		if err != nil {
			t.Fatal(err)
		}
		first, err := begin(prog)
		if err != nil {
			t.Fatal(err)
		}
		channel.closeChildEnds()
		f := &follower{plan: p, prog: prog, channel: channel, first: first, onReady: func(int, *os.File) error { return nil }}
		time.Sleep(after)
		_ = unix.PidfdSendSignal(int(first.pidfd.Fd()), unix.SIGKILL, nil, 0)
		_ = followed(t, f)
		f.abandon()
		nothingLeft(t, after.String())
	}
}

func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
