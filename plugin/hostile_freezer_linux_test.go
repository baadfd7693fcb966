//go:build linux

package main

import (
	"fmt"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// A container is frozen while a process of ours is in it, before that executes the command: the container's root has
// stopped it there. The call ends by itself if it sees that the cgroup is frozen before it lets the process go on, and in
// any case by ^C, whether the container goes on or not; nothing is left. With cgroup v1 a frozen process does not even end
// by SIGKILL.
func TestHostileRootWhoIsFrozen(t *testing.T) {
	for _, thaws := range []bool{false, true} {
		t.Run(fmt.Sprintf("thaws=%t", thaws), func(t *testing.T) {
			c := newCaller(t)
			container, _ := attacked(t, "nothing", []string{"-e", holdVariable + "=1"})
			init := initOf(t, container)
			cmd, over := stoppedJoin(t, c, container)
			if err := pause(container); err != nil {
				_ = unix.Kill(-cmd.Process.Pid, unix.SIGINT)
				<-over
				t.Skip(err)
			}
			t.Cleanup(func() { _ = exec.Command("docker", "unpause", container).Run() })
			if thaws {
				docker(t, "unpause", container)
			}
			select {
			case <-over:
			case <-time.After(3 * time.Second):
				if err := unix.Kill(-cmd.Process.Pid, unix.SIGINT); err != nil {
					t.Fatal(err)
				}
			}
			select {
			case <-over:
			case <-time.After(endsWithin):
				_ = unix.Kill(-cmd.Process.Pid, unix.SIGKILL)
				t.Fatal("the call does not end")
			}
			if cmd.ProcessState.Success() {
				t.Error("the command ran")
			}
			_ = exec.Command("docker", "unpause", container).Run()
			eventually(t, "the container has its first process only", func() bool { return len(inPIDNamespaceOf(init)) == 1 })
		})
	}
}

// stoppedJoin starts calls until the attacker stops a process of ours before that executes the command. It kills one that
// was stopped too late.
func stoppedJoin(t *testing.T, c caller, container string) (cmd *exec.Cmd, over chan struct{}) {
	t.Helper()
	init := initOf(t, container)
	for range 100 {
		cmd = c.docker("nsjoin", container, "true")
		cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		over = make(chan struct{})
		go func() { _ = cmd.Wait(); close(over) }()
		for running := true; running; {
			select {
			case <-over:
				running = false
			case <-time.After(5 * time.Millisecond):
			}
			for _, p := range inPIDNamespaceOf(init) {
				switch {
				case p.state != "T":
				case ours(fmt.Sprintf("/proc/%d", p.pid)):
					return cmd, over
				default:
					_ = unix.Kill(p.pid, unix.SIGKILL)
				}
			}
		}
	}
	t.Fatal("the attacker never stopped a process of ours")
	return nil, nil
}

// pause pauses a container. The freezer of cgroup v1 may fail to when the machine is busy.
func pause(container string) (err error) {
	for range 5 {
		var out []byte
		if out, err = exec.Command("docker", "pause", container).CombinedOutput(); err == nil {
			return nil
		}
		err = fmt.Errorf("this engine cannot pause a container: %s", out)
	}
	return err
}

// A container is frozen and thawed all the time, while commands are started in it. Each runs, or is refused in one line
// that says so; no call hangs and nothing is left.
func TestHostileStormOfPauses(t *testing.T) {
	c := newCaller(t)
	container := c.container(t)
	init := initOf(t, container)
	if err := pause(container); err != nil {
		t.Skip(err)
	}
	stop := pauses(container)
	counts := make(map[int]int)
	for calls := 0; calls < 30 || calls < 300 && (counts[0] == 0 || counts[125] == 0); calls++ {
		cmd := c.docker("nsjoin", container, "true")
		errs := &safeBytes{}
		cmd.Stderr = errs
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		status := ended(t, cmd)
		counts[status]++
		if text := string(errs.bytes()); status != 0 && (status != 125 || !strings.Contains(text, "paused") && !strings.Contains(text, "frozen")) {
			t.Errorf("status %d: %s", status, text)
		}
	}
	stop()
	t.Logf("statuses: %v", counts)
	if counts[0] == 0 || counts[125] == 0 {
		t.Error("every call ended in the same way")
	}
	eventually(t, "the container has its first process only", func() bool { return len(inPIDNamespaceOf(init)) == 1 })
}

// pauses unpauses and pauses a container again and again, until stop is called, which leaves it running.
func pauses(container string) (stop func()) {
	over, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		for {
			for _, verb := range []string{"unpause", "pause"} {
				select {
				case <-over:
					return
				default:
					_ = exec.Command("docker", verb, container).Run()
				}
			}
		}
	}()
	return func() {
		close(over)
		<-ended
		_ = exec.Command("docker", "unpause", container).Run()
	}
}
