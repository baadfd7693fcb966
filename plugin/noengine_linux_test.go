package main

import (
	"bytes"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// TestNoEngine uses --no-engine with an engine that is stopped, then with one that has ended and
// left its containers running, by dockerd --live-restore. It needs an engine that it may end:
// scripts/engine run restore.
func TestNoEngine(t *testing.T) {
	if !strings.HasSuffix(os.Getenv("NSJOIN_TEST_ENGINE"), "restore") {
		t.Fatal("this test ends its engine: scripts/engine run restore")
	}
	l := newLostEngine(t)
	kill(t, l.dockerd, unix.SIGSTOP)
	defer func() { _ = unix.Kill(l.dockerd, unix.SIGCONT) }()
	t.Run("stopped", l.findsContainers)
	t.Run("terminal", l.startsATerminal)
	t.Run("container has ended", l.reportsAnEndedContainer)
	t.Run("call waits", l.waitsForTheEngine)

	kill(t, l.dockerd, unix.SIGTERM)
	eventually(t, "dockerd has ended", func() bool { p, there := readProcess(l.dockerd); return !there || p.dead() })
	t.Run("ended", l.findsContainersOfAnEndedEngine)
	// scripts/engine ends what is left.
}

// lostEngine is an engine that a test stops and ends.
type lostEngine struct {
	caller
	socket, dataRoot string
	dockerd          int
	web, id          string // a container
	want             string // the output of lostCommand by docker exec
	names            string // its files about names
	stopped          string // another container
}

const lostCommand = "id; env | grep -v ^HOSTNAME | sort; pwd; hostname; grep -E '^(Cap|Seccomp|NoNew)' /proc/self/status; cat /proc/self/cgroup"

var nameFiles = []string{"/etc/resolv.conf", "/etc/hosts", "/etc/hostname"}

func newLostEngine(t *testing.T) *lostEngine {
	t.Helper()
	l := &lostEngine{caller: newCaller(t), socket: strings.TrimPrefix(os.Getenv("DOCKER_HOST"), "unix://")}
	other := pretender(t) // it must be older than web
	l.web = l.container(t, "-e", "COLOR=blue", "-u", "7:8", "--group-add", "9", "-w", "/tmp", "--cap-add", "NET_ADMIN")
	l.stopped = l.container(t)
	l.id = docker(t, "inspect", "--format", "{{.Id}}", l.web)
	l.dataRoot = docker(t, "info", "--format", "{{.DockerRootDir}}")
	l.want = inside(t, l.web, "sh", "-c", lostCommand)
	l.names = inside(t, l.web, append([]string{"cat"}, nameFiles...)...)
	l.dockerd = listenerOf(t, l.socket)
	inside(t, other, "sh", "-c", "echo "+l.id+" >/tmp/id.new && mv /tmp/id.new /tmp/id")
	eventually(t, "another container has a process that looks like the shim", func() bool {
		return inside(t, other, "sh", "-c", "cat /tmp/there 2>/dev/null || true") == "there"
	})
	return l
}

// meaning returns files about names without comments, and with one spelling of addresses: newer engines write fe00::.
func meaning(files string) string {
	var kept []string
	for line := range strings.Lines(files) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			kept = append(kept, strings.NewReplacer("fe00::0", "fe00::", "ff00::0", "ff00::").Replace(line))
		}
	}
	return strings.Join(kept, "\n")
}

func (l *lostEngine) findsContainers(t *testing.T) {
	for _, name := range []string{l.web, l.id, l.id[:8]} {
		if got := l.nsjoin(t, 0, "--no-engine", name, "sh", "-c", lostCommand); got != l.want {
			t.Errorf("%s: output\n%s\nwant docker exec's\n%s", name, got, l.want)
		}
	}
	onHost := append([]string{"--no-engine", "--only", "net", l.web, "cat"}, nameFiles...)
	if got := l.nsjoin(t, 0, onHost...); meaning(got) != meaning(l.names) {
		t.Errorf("names\n%s\nwant the container's\n%s", got, l.names)
	}
	for _, row := range []struct {
		status int
		args   []string
		want   string
	}{
		{0, []string{"--no-engine", "--dry-run", l.web}, "via local: the engine was not asked (--no-engine): its files are in " + l.dataRoot},
		{0, []string{"--no-engine", "--only", "net", l.web, "readlink", "/proc/self/ns/net"}, "net:["},
		{0, []string{"ls", "--no-engine", "--format", "{{.Name}} {{.Image}}"}, l.web + " " + testImage},
		{0, []string{"inspect", "--no-engine", l.web}, l.id},
		{125, []string{"--no-engine", "nobody", "true"}, `no such container in the engine's files: "nobody"`},
		{125, []string{"--no-engine", "--via", "engine", l.web}, "--no-engine and --via engine cannot be used together"},
		{125, []string{"--data-root", "/x", l.web}, "--data-root requires --no-engine"},
	} {
		if got := l.nsjoin(t, row.status, row.args...); !strings.Contains(got, row.want) {
			t.Errorf("%s: output\n%s\nwant %q", strings.Join(row.args, " "), got, row.want)
		}
	}
}

func (l *lostEngine) startsATerminal(t *testing.T) {
	y := at(t, l.docker("nsjoin", "--no-engine", l.web, "sh"))
	y.types("echo $((40+2)) $(id -u)\r")
	y.shows("42 7")
	y.types("exit 3\r")
	if status := y.ends(); status != 3 {
		t.Errorf("exit status %d", status)
	}
}

func (l *lostEngine) reportsAnEndedContainer(t *testing.T) {
	found := l.nsjoin(t, 0, "ls", "--no-engine", "--format", "{{.Name}} {{.Process}}")
	first := 0
	for line := range strings.Lines(found) {
		if name, pid, _ := strings.Cut(strings.TrimSpace(line), " "); name == l.stopped {
			first, _ = strconv.Atoi(pid)
		}
	}
	if first == 0 {
		t.Fatalf("the container is not listed:\n%s", found)
	}
	kill(t, first, unix.SIGKILL)
	eventually(t, "the container's process has ended", func() bool { p, there := readProcess(first); return !there || p.dead() })
	if got := l.nsjoin(t, 125, "--no-engine", l.stopped, "true"); !strings.Contains(got, "is not running on this host, although the engine's files say that it is") {
		t.Errorf("it says %s", got)
	}
}

func (l *lostEngine) waitsForTheEngine(t *testing.T) {
	elsewhere := l.docker("nsjoin", l.web, "sh", "-c", "echo it $((40+2))") // without a terminal there is no message
	said := &safeBytes{}
	elsewhere.Stdout, elsewhere.Stderr = said, said
	if err := elsewhere.Start(); err != nil {
		t.Fatal(err)
	}
	y := at(t, l.docker("nsjoin", l.web, "sh", "-c", "echo it $((40+2))"))
	y.shows("docker nsjoin: the engine at unix://" + l.socket + " has not answered for 3 seconds, still waiting; to go on without the engine: docker nsjoin --no-engine …\r\n")
	kill(t, l.dockerd, unix.SIGCONT)
	y.shows("it 42")
	if status := ended(t, elsewhere); status != 0 || string(said.bytes()) != "it 42\n" {
		t.Errorf("exit status %d, output without a terminal: %q", status, said.bytes())
	}
	if status := y.ends(); status != 0 {
		t.Errorf("exit status %d", status)
	}
}

func (l *lostEngine) findsContainersOfAnEndedEngine(t *testing.T) {
	if got := l.nsjoin(t, 125, "--no-engine", l.web, "true"); !strings.Contains(got, "so the directory of its files is unknown") {
		t.Errorf("it says %s", got)
	}
	if got := l.nsjoin(t, 0, "--no-engine", "--data-root", l.dataRoot, l.web, "sh", "-c", lostCommand); got != l.want {
		t.Errorf("output\n%s\nwant docker exec's\n%s", got, l.want)
	}
	// The default engine's directories are known.
	const places = `mount -t tmpfs tmpfs /run && { [ ! -d /etc/docker ] || mount -t tmpfs tmpfs /etc/docker; } &&
		mkdir -p /var/lib/docker && mount --bind "$0" /var/lib/docker && exec docker -H unix:///run/docker.sock nsjoin --no-engine "$@"`
	cmd := exec.Command("unshare", "-m", "--propagation", "private", "sh", "-c", places, l.dataRoot, l.web, "sh", "-c", lostCommand)
	cmd.Env, cmd.Dir = l.env, "/"
	if out, err := cmd.CombinedOutput(); err != nil || strings.TrimSpace(string(out)) != l.want {
		t.Errorf("%v: output\n%s\nwant docker exec's\n%s", err, out, l.want)
	}
}

// pretender starts a container with the host's PID namespace. One of its processes imitates the shim
// of another container, whose ID it reads from a file: it has a child, older than that container, in
// other namespaces, and its working directory has that ID as its name and contains a config.json.
func pretender(t *testing.T) string {
	t.Helper()
	const command = `unshare -n sleep 600 & until [ -s /tmp/id ]; do sleep 0.05; done
		mkdir /tmp/$(cat /tmp/id) && cd /tmp/$(cat /tmp/id) && echo '{"process":{"cwd":"/","env":["A=1"]}}' >config.json
		echo there >/tmp/there; wait`
	id := runContainer(t, "--pid", "host", "--cap-add", "SYS_ADMIN", "--security-opt", "seccomp=unconfined",
		"--security-opt", "apparmor=unconfined", testImage, "bash", "-c", command)
	eventually(t, "the pretender has a child in another namespace", func() bool {
		pid := initPID(t, id)
		child := offspring(pid, "sleep")
		theirs, err := os.Readlink("/proc/" + strconv.Itoa(child) + "/ns/net")
		ours, _ := os.Readlink("/proc/" + strconv.Itoa(pid) + "/ns/net")
		return err == nil && theirs != ours
	})
	return id
}

// listenerOf returns the PID of the process that listens on a socket, which must be the test's own engine.
func listenerOf(t *testing.T, socket string) int {
	t.Helper()
	connection, err := net.Dial("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	defer connection.Close()
	raw, err := connection.(*net.UnixConn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	var of *unix.Ucred
	if err := raw.Control(func(fd uintptr) { of, err = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED) }); err != nil || of == nil {
		t.Fatal(err)
	}
	if line, _ := os.ReadFile(filepath.Join("/proc", strconv.Itoa(int(of.Pid)), "cmdline")); !bytes.Contains(line, []byte(filepath.Dir(socket)+"/data\x00")) {
		t.Fatalf("process %d is not the test's own engine: %q", of.Pid, line)
	}
	return int(of.Pid)
}
