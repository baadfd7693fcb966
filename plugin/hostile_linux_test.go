package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// A container's root with CAP_SYS_PTRACE stops our process as it appears in the container's PID
// namespace, before it executes the command (CVE-2016-9962). It then attacks the program by
// writing to it (CVE-2019-5736), the descriptors, the memory and the environment.
func TestHostileRoot(t *testing.T) {
	engine := engineOfTest(t)
	for _, row := range []struct {
		name    string
		options []string
		traces  bool
	}{
		{"root", nil, false},
		{"root with SYS_PTRACE", []string{"--cap-add", "SYS_PTRACE"}, true},
	} {
		t.Run(row.name, func(t *testing.T) {
			const secret = "NSJOIN_TEST_SECRET_of_the_caller"
			c := newCaller(t)
			container, saw := attacked(t, secret, row.options)
			sightings := 0
			var callers []string // the targets of the callers' standard streams
			for deadline := time.Now().Add(time.Minute); sightings < 5 && time.Now().Before(deadline); {
				cmd := c.docker("nsjoin", "-i", container, "true")
				cmd.Env = append(cmd.Environ(), "SECRET="+secret)
				callers = append(callers, pipesTo(t, cmd)...)
				if err := cmd.Start(); err != nil {
					t.Fatal(err)
				}
				if status := ended(t, cmd); status != 0 {
					t.Fatalf("status %d", status)
				}
				sightings = len(saw(t))
			}
			all := saw(t)
			if len(all) == 0 {
				t.Fatal("the attacker never stopped a process of ours")
			}
			for _, s := range all {
				// In a user namespace, CAP_SYS_PTRACE does not apply to a process that the host started.
				s.check(t, row.traces && !helperIsForeign(engine), callers)
			}
		})
	}
}

// A container's root that stops our process before or while it executes the command delays the
// helper, but not its user: ^C ends the call, and nothing is left.
func TestHostileRootWhoStopsUs(t *testing.T) {
	engineOfTest(t)
	for _, sig := range []unix.Signal{unix.SIGINT, unix.SIGTERM} {
		t.Run(unix.SignalName(sig), func(t *testing.T) {
			c := newCaller(t)
			container, saw := attacked(t, "nothing", []string{"-e", holdVariable + "=1"})
			cmd, over := stoppedCall(t, c, container, func() bool { return len(saw(t)) > 0 })
			if err := unix.Kill(-cmd.Process.Pid, sig); err != nil {
				t.Fatal(err)
			}
			select {
			case <-over:
			case <-time.After(endsWithin):
				_ = unix.Kill(-cmd.Process.Pid, unix.SIGKILL)
				t.Fatalf("%s does not end the call", unix.SignalName(sig))
			}
			pid := initOf(t, container)
			eventually(t, "the container has its first process only", func() bool { return len(inPIDNamespaceOf(pid)) == 1 })
		})
	}
}

// stoppedCall starts calls until the attacker stops one; it may be too slow for some. over is
// closed when that call ends.
func stoppedCall(t *testing.T, c caller, container string, stopped func() bool) (cmd *exec.Cmd, over chan struct{}) {
	t.Helper()
	for range 100 {
		cmd = c.docker("nsjoin", container, "true")
		cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		over = make(chan struct{})
		go func() { _ = cmd.Wait(); close(over) }()
		if isStopped(t, cmd, over, stopped) {
			return cmd, over
		}
	}
	t.Fatal("the attacker never stopped a process of ours")
	return nil, nil
}

// isStopped reports whether the attacker stopped a call. It returns false once the call has ended.
func isStopped(t *testing.T, cmd *exec.Cmd, over <-chan struct{}, stopped func() bool) bool {
	t.Helper()
	for late := time.After(endsWithin); ; {
		select {
		case <-over:
			return false
		case <-time.After(2 * time.Second):
			if stopped() {
				return true
			}
		case <-late:
			_ = unix.Kill(-cmd.Process.Pid, unix.SIGKILL)
			t.Fatal("the call hangs, and the attacker has not stopped it")
		}
	}
}

// While /etc/passwd and the working directory are replaced all the time, a call ends soon:
// the command runs in the container, or one line reports the error.
func TestHostileRaces(t *testing.T) {
	c := newCaller(t)
	const swaps = `mkdir -p /w/dir /inside
cp /etc/passwd /good; mkfifo /fifo; ln -s /proc/1/root/good /magic; ln -s /good /link; : >/empty
echo ready
while :; do
	for f in good fifo magic link empty; do cp -a /$f /etc/new && mv /etc/new /etc/passwd; done
	ln -sfn /proc/self/fd/9 /w/next && mv -T /w/next /w/at 2>/dev/null
	rm -rf /w/at; mkdir /w/at; rmdir /w/at; ln -sfn ../../../../inside /w/at; rm -f /w/at
done`
	container := runContainer(t, testImage, "bash", "-c", swaps)
	eventually(t, "the container swaps its files", func() bool { return strings.Contains(docker(t, "logs", container), "ready") })
	counts := make(map[int]int)
	// Repeat until the race was both won and lost, within a limit.
	for calls := 0; calls < 40 || calls < 400 && (counts[0] == 0 || counts[125] == 0); calls++ {
		cmd := c.docker("nsjoin", "-w", "/w/at", container, "readlink", "/proc/self/cwd")
		var out, errs bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &errs
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		status := ended(t, cmd)
		counts[status]++
		switch lines := strings.Count(errs.String(), "\n"); status {
		case 0:
			if dir := strings.TrimSpace(out.String()); dir != "/inside" && dir != "/w/at" && dir != "/w/at (deleted)" {
				t.Errorf("the command was in %q", dir)
			}
		case 125, 126, 127:
			if lines < 1 || lines > 2 || !strings.HasPrefix(errs.String(), "docker nsjoin: ") {
				t.Errorf("status %d, stderr %q", status, errs.String())
			}
		default:
			t.Errorf("status %d: %q", status, errs.String())
		}
	}
	t.Logf("statuses: %v", counts)
	if counts[0] == 0 || counts[125] == 0 {
		t.Error("every call ended in the same way")
	}
}

// docker nsjoin opens a terminal only in the container's devpts. It does not open anything else
// that is at /dev/pts/ptmx.
func TestHostileTerminal(t *testing.T) {
	engine := engineOfTest(t)
	for _, row := range []struct{ name, swap string }{
		{"a link to another device", "ln -s /dev/zero /dev/pts/ptmx"},
		{"a device that is not a terminal", "mknod /dev/pts/ptmx c 1 3"},
		{"the right number on another file system", "mknod /dev/pts/ptmx c 5 2"},
		{"a FIFO", "mkfifo /dev/pts/ptmx"},
	} {
		t.Run(row.name, func(t *testing.T) {
			if engine.kinds["userns"] && strings.HasPrefix(row.swap, "mknod") {
				t.Skip("a container in a user namespace cannot create devices")
			}
			c := newCaller(t)
			container := runContainer(t, "--cap-add", "SYS_ADMIN", testImage,
				"bash", "-c", "mount -t tmpfs tmpfs /dev/pts && "+row.swap+" && echo ready; while :; do sleep 1; done")
			eventually(t, "the container is ready", func() bool { return docker(t, "logs", container) == "ready" })
			y := newTTY(t)
			y.start(c.docker("nsjoin", container, "true"))
			if status := y.ends(); status != 125 {
				t.Errorf("status %d", status)
			}
			y.shows("/dev/pts")
			y.shows("-T")
		})
	}
}

// pipesTo gives a command pipes as its standard streams, and returns the targets of their
// descriptors.
func pipesTo(t *testing.T, cmd *exec.Cmd) (links []string) {
	t.Helper()
	for i := range 3 {
		r, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { r.Close(); w.Close() })
		link, err := os.Readlink(fmt.Sprintf("/proc/self/fd/%d", r.Fd()))
		if err != nil {
			t.Fatal(err)
		}
		links = append(links, link)
		switch i {
		case 0:
			cmd.Stdin = r
		case 1:
			cmd.Stdout = w
		case 2:
			cmd.Stderr = w
		}
	}
	return links
}

// check fails if the attacker got something from a process of ours that it must not get. callers
// are the targets of the caller's standard streams. Before, these were passed to the container,
// and its root wrote to the pipe from which the caller's shell read its script.
func (s sighting) check(t *testing.T, traces bool, callers []string) {
	t.Helper()
	if s.Written || s.Secret || strings.Contains(s.Environ, "SECRET") {
		t.Errorf("program written to: %t; the caller's secret in the memory: %t; environment: %q", s.Written, s.Secret, s.Environ)
	}
	if s.Exe == later {
		return
	}
	if !traces {
		// The attacker may list the numbers of descriptors, but not their targets.
		led := slices.DeleteFunc(slices.Collect(maps.Values(s.FDs)), func(target string) bool { return target == "" })
		if s.Traced || s.Exe+s.Cwd+s.Environ != "" || len(led) > 0 || len(s.Opened) > 0 {
			t.Errorf("root without CAP_SYS_PTRACE sees %+v", s)
		}
		return
	}
	for fd, target := range s.FDs {
		ours := strings.HasPrefix(target, "pipe:") || target == "/dev/null"
		if !ours || slices.Contains(callers, target) {
			t.Errorf("descriptor %s is %q", fd, target)
		}
	}
	if len(s.FDs) > 5 {
		t.Errorf("more than the standard streams and two pipes: %v", s.FDs)
	}
	if s.Cwd != "/" {
		t.Errorf("the working directory is %q", s.Cwd)
	}
}

// attacked starts a container whose first process is the attacker. saw returns what it has
// got so far.
func attacked(t *testing.T, secret string, options []string) (container string, saw func(*testing.T) []sighting) {
	t.Helper()
	return hostileContainer(t, "^TestAttacker$", append([]string{"-e", attackVariable + "=" + reversed(secret)}, options...)...)
}

// hostileContainer starts a container whose first process is an attacker that a test of this
// program runs. saw returns the sightings that it has printed so far.
func hostileContainer(t *testing.T, test string, options ...string) (container string, saw func(*testing.T) []sighting) {
	t.Helper()
	args := append([]string{"-v", testProgram(t) + ":/attacker:ro"}, options...)
	container = runContainer(t, append(args, testImage, "/attacker", "-test.run="+test, "-test.timeout=10m")...)
	eventually(t, "the attacker is ready", func() bool { return strings.Contains(docker(t, "logs", container), "ready") })
	return container, func(t *testing.T) (list []sighting) {
		t.Helper()
		for line := range bytes.Lines([]byte(docker(t, "logs", container))) {
			var s sighting
			if json.Unmarshal(line, &s) == nil {
				list = append(list, s)
			}
		}
		return list
	}
}
