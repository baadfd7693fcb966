//go:build linux

package join

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/pkg/ns"
	"github.com/nsjoin/docker-nsjoin/pkg/plan"
)

// following returns a follower whose last child is a shell with the script. The shell's descriptors 3 and 4
// are the child's ends of the notify and sync pipes.
func following(t *testing.T, script string) (f *follower, ready *[]int) {
	t.Helper()
	channel := testChannel(t)
	cmd := exec.Command("sh", "-c", script)
	cmd.ExtraFiles = []*os.File{channel.childNotify, channel.childSync}
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = &unix.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	channel.closeChildEnds()
	ready = new([]int)
	p := ours(t, []string{"/bin/ls"}, "ls")
	p.Namespaces = slices.DeleteFunc(p.Namespaces, func(n plan.Namespace) bool { return n.Kind != ns.UTS })
	f = &follower{plan: p, channel: channel, prog: &program{}, exe: "/bin/sh", onReady: func(pid int, _ *os.File) error {
		*ready = append(*ready, pid)
		return nil
	}}
	c := &compiler{plan: p, prog: f.prog}
	if err := c.failures(0); err != nil {
		t.Fatal(err)
	}
	channel.report.child = int32(cmd.Process.Pid)
	t.Cleanup(func() {
		f.abandon()
		_ = unix.Kill(-cmd.Process.Pid, unix.SIGKILL) // what the script has started
	})
	return f, ready
}

// followed runs follow, which must return.
func followed(t *testing.T, f *follower) error {
	t.Helper()
	done := make(chan error, 1)
	go func() { done <- f.follow() }()
	select {
	case err := <-done:
		return err
	case <-time.After(30 * time.Second):
		t.Fatal("follow does not return")
		return nil
	}
}

func TestCommandRunsOnceThePipeIsClosed(t *testing.T) {
	f, ready := following(t, `printf r >&3; head -c1 <&4 >/dev/null; exec sleep 600 3>&- 4>&-`)
	if err := followed(t, f); err != nil || !f.settled || len(*ready) != 1 {
		t.Errorf("%v, settled %t, ready %v", err, f.settled, *ready)
	}
}

// Before the helper has settled, a byte means ready, whatever its value.
func TestChildIsReadyByAnyByte(t *testing.T) {
	for _, byte := range []string{"\\000", "\\377", "x"} {
		f, ready := following(t, `printf '`+byte+`' >&3; head -c1 <&4 >/dev/null; exec sleep 600 3>&- 4>&-`)
		if err := followed(t, f); err != nil || len(*ready) != 1 {
			t.Errorf("%s: %v, ready %v", byte, err, *ready)
		}
	}
}

// After the helper has settled, a byte means failed, and the exit status says why.
func TestFailureAfterTheChildIsReleased(t *testing.T) {
	p := &program{}
	step := int32(len(ours(t, nil, "ls").Steps) - 1)
	c := &compiler{plan: ours(t, nil, "ls"), prog: p}
	if err := c.failures(0); err != nil {
		t.Fatal(err)
	}
	for errno, want := range map[unix.Errno]string{
		unix.ENOENT: `"ls" on the host: no such file or directory`,
		unix.E2BIG:  `"ls" on the host: argument list too long`,
		999:         `"ls" on the host: unknown error`,
	} {
		status := exitStatusFor(p, messageFailed, step, errno)
		f, _ := following(t, `printf r >&3; head -c1 <&4 >/dev/null; printf f >&3; exit `+strconv.Itoa(int(status)))
		if err := followed(t, f); err == nil || err.Error() != want {
			t.Errorf("%d: %v, want %s", errno, err, want)
		}
	}
}

func TestChildThatEndsWithoutAReport(t *testing.T) {
	const ended = `join "web": the process ended with status %s before the command ran`
	for script, want := range map[string]string{
		"exit 1": fmt.Sprintf(ended, "1"), "exit 0": fmt.Sprintf(ended, "0"), "exec 3>&-; exit 1": fmt.Sprintf(ended, "1"),
		"kill -9 $$": `join "web": the process was killed before the command ran`,
	} {
		f, ready := following(t, script)
		if err := followed(t, f); err == nil || err.Error() != want || len(*ready) > 0 {
			t.Errorf("%s: %v, want %s; ready %v", script, err, want, *ready)
		}
	}
}

func TestProcessInAnotherNamespaceIsNotReleased(t *testing.T) {
	f, ready := following(t, `printf r >&3; head -c1 <&4 >&3; exec sleep 600`)
	f.plan.Namespaces[0].ID.Ino++
	if err := followed(t, f); err == nil || f.settled || len(*ready) > 0 {
		t.Errorf("%v, settled %t, ready %v", err, f.settled, *ready)
	}
}

// The session prepares before the command runs, and may refuse.
func TestReadyIsCalledBeforeTheChildIsReleased(t *testing.T) {
	f, _ := following(t, `printf r >&3; head -c1 <&4 >&3; exec sleep 600`)
	refusal := errors.New("refused")
	f.onReady = func(pid int, pidfd *os.File) error {
		if f.settled || pid != int(f.channel.report.child) || readable(int(pidfd.Fd())) {
			t.Errorf("settled %t, process %d, ended %t", f.settled, pid, readable(int(pidfd.Fd())))
		}
		return refusal
	}
	if err := followed(t, f); !errors.Is(err, refusal) || f.settled {
		t.Errorf("%v, settled %t", err, f.settled)
	}
}

func readable(fd int) bool {
	n, _ := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, 0)
	return n > 0
}

// The first child's end and the second one's byte may come in either order.
func TestFirstChildIsReaped(t *testing.T) {
	for _, endsFirst := range []bool{true, false} {
		f, ready := following(t, `printf r >&3; head -c1 <&4 >/dev/null; exec sleep 600 3>&- 4>&-`)
		first := exec.Command("cat")
		alive, err := first.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := first.Start(); err != nil {
			t.Fatal(err)
		}
		if f.first, err = openChild(first.Process.Pid); err != nil {
			t.Fatal(err)
		}
		if endsFirst {
			alive.Close()
			if !f.first.ends(30 * time.Second) {
				t.Fatal("the first child doesn't end")
			}
			if err := f.firstEnded(); err != nil || f.first != nil || f.last == nil {
				t.Errorf("%v, first %v, last %v", err, f.first, f.last)
			}
		}
		if err := followed(t, f); err != nil || len(*ready) != 1 {
			t.Errorf("ends first %t: %v, ready %v", endsFirst, err, *ready)
		}
		alive.Close()
		f.abandon()
		nothingLeft(t, "followed")
	}
}

// The first child's report is trusted if its step is one of the plan's.
func TestReportOfTheFirstChild(t *testing.T) {
	for _, row := range []struct {
		kind uint32
		step int32
		want string
	}{
		{messageFailed, -1, `join "web": prepare the process: permission denied`},
		{messageFailed, 2, `"ls" on the host: permission denied`},
		{messageOutside, 0, `the working directory is outside the root directory of "web"`},
		{messageFailed, 3, `join "web": the process ended with status 1 before the command ran`},
		{messageFailed, -2, `join "web": the process ended with status 1 before the command ran`},
		{messageFailed, 1 << 30, `join "web": the process ended with status 1 before the command ran`},
		{0, 0, `join "web": the process ended with status 1 before the command ran`},
	} {
		f, _ := following(t, "exit 1")
		w := f.channel.report
		var err error
		if f.first, err = openChild(int(w.child)); err != nil {
			t.Fatal(err)
		}
		w.child, w.kind, w.step, w.errno = 0, row.kind, row.step, uint32(unix.EACCES)
		if err := followed(t, f); err == nil || err.Error() != row.want {
			t.Errorf("%+v: %v", row, err)
		}
	}
}
