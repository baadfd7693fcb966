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

// A container's root who may trace stops our process as it appears in his pid
// namespace, before it is the command (CVE-2016-9962), and takes what there is:
// its program to write to (CVE-2019-5736), its descriptors, memory, environment.
func TestHostileRoot(t *testing.T) {
	engineOfTest(t)
	for _, row := range []struct {
		name    string
		options []string
		traces  bool
	}{
		{"root", nil, false},
		{"root who may trace", []string{"--cap-add", "SYS_PTRACE"}, true},
	} {
		t.Run(row.name, func(t *testing.T) {
			const secret = "NSJOIN_TEST_SECRET_of_the_caller"
			c := newCaller(t)
			container, saw := attacked(t, secret, row.options)
			sightings := 0
			var callers []string // what leads to the callers' streams
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
				t.Fatal("the attacker never saw a process of ours")
			}
			for _, s := range all {
				s.check(t, row.traces, callers)
			}
		})
	}
}

// One who stops our process before or when it becomes the command holds the helper up, but not
// its user: ^C ends it, and nothing stays.
func TestHostileRootWhoStopsUs(t *testing.T) {
	engineOfTest(t)
	for _, sig := range []unix.Signal{unix.SIGINT, unix.SIGTERM} {
		t.Run(unix.SignalName(sig), func(t *testing.T) {
			c := newCaller(t)
			container, saw := attacked(t, "nothing", []string{"-e", holdVariable + "=1"})
			cmd, over := hangs(t, c, container, func() bool { return len(saw(t)) > 0 })
			if err := unix.Kill(-cmd.Process.Pid, sig); err != nil {
				t.Fatal(err)
			}
			select {
			case <-over:
			case <-time.After(endsWithin):
				_ = unix.Kill(-cmd.Process.Pid, unix.SIGKILL)
				t.Fatalf("%s doesn't end it", unix.SignalName(sig))
			}
			pid := initOf(t, container)
			eventually(t, "the container has its first process only", func() bool { return len(inPIDNamespaceOf(pid)) == 1 })
		})
	}
}

// hangs calls until a call is held up by who stopped it, since he may be too slow. over is
// closed when that call ends.
func hangs(t *testing.T, c caller, container string, stopped func() bool) (cmd *exec.Cmd, over chan struct{}) {
	t.Helper()
	for range 100 {
		cmd = c.docker("nsjoin", container, "true")
		cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		over = make(chan struct{})
		go func() { _ = cmd.Wait(); close(over) }()
		if heldUp(t, cmd, over, stopped) {
			return cmd, over
		}
	}
	t.Fatal("the attacker never stopped a process of ours")
	return nil, nil
}

// heldUp tells whether a call is stopped, and not at its end or only slow.
func heldUp(t *testing.T, cmd *exec.Cmd, over <-chan struct{}, stopped func() bool) bool {
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
			t.Fatal("it hangs, and the attacker has not stopped it")
		}
	}
}

// Whatever /etc/passwd and the working directory are from one moment to the next, a
// call ends soon, in the container or with one line.
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
	container := docker(t, "run", "-d", "--label", ownLabel(), testImage, "bash", "-c", swaps)
	t.Cleanup(func() { _ = exec.Command("docker", "rm", "-f", "-v", container).Run() })
	eventually(t, "the race is on", func() bool { return strings.Contains(docker(t, "logs", container), "ready") })
	counts := make(map[int]int)
	// Until the race was won and lost, and not for ever.
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
				t.Errorf("status %d says %q", status, errs.String())
			}
		default:
			t.Errorf("status %d: %q", status, errs.String())
		}
	}
	t.Logf("statuses: %v", counts)
	if counts[0] == 0 || counts[125] == 0 {
		t.Error("the race always ended in one way")
	}
}

// A terminal is asked of the container's devpts only: of anything else that is
// mounted there the kernel is not even asked.
func TestHostileTerminal(t *testing.T) {
	for _, row := range []struct{ name, swap string }{
		{"a link to another device", "ln -s /dev/zero /dev/pts/ptmx"},
		{"a device that is no terminal", "mknod /dev/pts/ptmx c 1 3"},
		{"the right number on another file system", "mknod /dev/pts/ptmx c 5 2"},
		{"a FIFO", "mkfifo /dev/pts/ptmx"},
	} {
		t.Run(row.name, func(t *testing.T) {
			c := newCaller(t)
			container := docker(t, "run", "-d", "--label", ownLabel(), "--cap-add", "SYS_ADMIN", testImage,
				"bash", "-c", "mount -t tmpfs tmpfs /dev/pts && "+row.swap+" && echo ready; while :; do sleep 1; done")
			t.Cleanup(func() { _ = exec.Command("docker", "rm", "-f", "-v", container).Run() })
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

// pipesTo gives a command pipes for its standard streams, and tells what a descriptor of
// them leads to.
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

// check is what a process of ours that the container can see may show. callers are what
// the standard streams of who called lead to: once these were handed in, and the
// container's root wrote into the pipe that the caller's shell read its script from.
func (s sighting) check(t *testing.T, traces bool, callers []string) {
	t.Helper()
	if s.Written || s.Secret || strings.Contains(s.Environ, "SECRET") {
		t.Errorf("the program was written to: %t; the caller's secret is in the memory: %t, in the environment: %q", s.Written, s.Secret, s.Environ)
	}
	if s.Exe == later {
		return
	}
	if !traces {
		// The numbers of descriptors he may list, not what they lead to.
		led := slices.DeleteFunc(slices.Collect(maps.Values(s.FDs)), func(target string) bool { return target == "" })
		if s.Traced || s.Exe+s.Cwd+s.Environ != "" || len(led) > 0 || len(s.Opened) > 0 {
			t.Errorf("root without CAP_SYS_PTRACE sees %+v", s)
		}
		return
	}
	for fd, target := range s.FDs {
		ours := strings.HasPrefix(target, "pipe:") || target == "/dev/null"
		if !ours || slices.Contains(callers, target) {
			t.Errorf("descriptor %s leads to %q", fd, target)
		}
	}
	if len(s.FDs) > 5 {
		t.Errorf("more than the streams and two pipes: %v", s.FDs)
	}
	if s.Cwd != "/" {
		t.Errorf("its working directory is %q", s.Cwd)
	}
}

// attacked starts a container whose first process is the attacker. saw returns what
// he got until then.
func attacked(t *testing.T, secret string, options []string) (container string, saw func(*testing.T) []sighting) {
	t.Helper()
	return hostileContainer(t, "^TestAttacker$", append([]string{"-e", attackVariable + "=" + reversed(secret)}, options...)...)
}

// hostileContainer starts a container whose first process is a test of this program, which is
// none. saw returns the sightings that it has printed until then.
func hostileContainer(t *testing.T, test string, options ...string) (container string, saw func(*testing.T) []sighting) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	args := append([]string{"run", "-d", "--label", ownLabel(), "-v", self + ":/attacker:ro"}, options...)
	container = docker(t, append(args, testImage, "/attacker", "-test.run="+test, "-test.timeout=10m")...)
	t.Cleanup(func() { _ = exec.Command("docker", "rm", "-f", "-v", container).Run() })
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
