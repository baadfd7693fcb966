//go:build linux

package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/pkg/procfs"
)

// TestHostileMount mounts and unmounts all the time in containers of every kind (columns), while intruders there attack the
// child that mounts, the target and the sources. At no moment a container or the host has a mount that was not asked for, no
// intruder reaches the child, and nothing is left.
func TestHostileMount(t *testing.T) {
	engine := engineOfTest(t)
	if engine.kinds["rootless"] || !onHost() {
		t.Skip("the engine's host is another view of this machine")
	}
	self, c := testProgram(t), newCaller(t)
	c.env = append(c.env, "SECRET="+callersSecret)
	all := os.Getenv(tableVariable) != ""
	list := slices.DeleteFunc(columns(), func(col column) bool { return !slices.Contains(mountColumns(all), col.name) })
	// A container with the host's processes sees the child. An engine with user namespaces refuses one, and a helper container
	// is in another session.
	if !engine.kinds["userns"] && engine.via != "engine" {
		list = append(list, column{name: hostsProcesses, options: []string{"--pid", "host"}})
	}
	for _, col := range list {
		t.Run(col.name, func(t *testing.T) {
			t.Parallel()
			newMountCell(t, c, self, col).run(t)
		})
	}
}

// mountColumns names the columns that matter for files, mounts and processes.
func mountColumns(all bool) []string {
	if !all {
		return []string{"default", "SYS_ADMIN"}
	}
	return []string{
		"default", "user 1000", "user 1000 SYS_PTRACE", "none", "none but SYS_PTRACE",
		"SYS_ADMIN", "SYS_PTRACE", "NET_ADMIN", "DAC_READ_SEARCH", "SYS_CHROOT",
	}
}

const hostsProcesses = "the host's processes"

// mountCell is a container of one column that is mounted into, and another one that sources are taken from.
type mountCell struct {
	caller   caller
	column   column
	dir      string // on the host, with shared and secret
	web, db  string
	before   map[string][]procfs.Mount // of both, by name
	intruder [2]*exec.Cmd
	out      [2]*safeBytes
}

func newMountCell(t *testing.T, c caller, self string, col column) *mountCell {
	t.Helper()
	m := &mountCell{caller: c, column: col, dir: filepath.Join(filepath.Dir(self), strconv.FormatInt(serial.Add(1), 10))}
	shared, secret := m.dir+"/shared", m.dir+"/secret"
	for _, dir := range []string{shared + "/src", secret} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, err := range []error{
		os.WriteFile(secret+"/"+secretMarker, nil, 0o644), os.WriteFile(shared+"/file", []byte("named\n"), 0o644),
		os.Chmod(shared, 0o777), os.Chmod(shared+"/src", 0o777), // the container's user is another one
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	with := col
	with.options = append(slices.Clone(col.options), "-v", shared+":"+mountShared)
	m.web, m.db = c.intruderContainer(t, self, with), c.intruderContainer(t, self, with)
	m.before = map[string][]procfs.Mount{m.web: mountsOf(t, initPID(t, m.web)), m.db: mountsOf(t, initPID(t, m.db))}
	return m
}

// run attacks while it mounts.
func (m *mountCell) run(t *testing.T) {
	session, err := unix.Getsid(0)
	if err != nil {
		t.Fatal(err)
	}
	for i, container := range []string{m.web, m.db} {
		args := []string{"exec", "-e", mountIntrudeVariable + "=" + m.dir + "/secret"}
		if m.column.name == hostsProcesses {
			args = append(args, "-e", fmt.Sprintf("%s=%d", sessionVariable, session))
		}
		if container == m.web {
			args = append(args, "-e", sourceVariable+"=1")
		}
		m.intruder[i], m.out[i] = exec.Command("docker", append(args, container, "/intruder", "-test.run=^TestMountIntruder$")...), &safeBytes{}
		m.intruder[i].Stdout = m.out[i]
		if err := m.intruder[i].Start(); err != nil {
			t.Fatal(err)
		}
		eventually(t, "the intruder is ready", func() bool { return bytes.Contains(m.out[i].bytes(), []byte(`"Ready":true`)) })
	}
	stop, watching := make(chan struct{}), sync.WaitGroup{}
	watching.Go(func() { m.watch(t, stop) })
	m.calls(t)
	close(stop)
	watching.Wait()
	if err := os.WriteFile(m.dir+"/shared/stop", nil, 0o644); err != nil {
		t.Fatal(err)
	}
	for i := range m.intruder {
		if status := ended(t, m.intruder[i]); status != 0 {
			t.Errorf("the intruder ended with status %d: %s", status, m.out[i].bytes())
		}
		m.judge(t, m.out[i].bytes())
	}
	m.isClean(t)
}

// calls mounts and unmounts until at least one mount was made and one was refused.
func (m *mountCell) calls(t *testing.T) {
	src := m.dir + "/shared/src"
	kinds := []struct {
		target string
		args   []string
	}{
		{mountTarget, []string{m.web, src + ":" + mountTarget}},
		{"/tmp/t/a/new", []string{"--mkdir", m.web, src + ":/tmp/t/a/new"}},
		{mountTarget, []string{"--type=tmpfs", m.web, mountTarget + ":size=64k"}},
		{mountTarget, []string{"--from=" + m.db, m.web, mountFrom + ":" + mountTarget}},
		{mountFile, []string{m.web, m.dir + "/shared/file:" + mountFile + ":ro"}},
	}
	const usual, most = 25, 400
	statuses := make(map[int]int)
	for i := 0; i < usual || i < most && (statuses[0] == 0 || statuses[125] == 0); i++ {
		kind := kinds[i%len(kinds)]
		status := m.call(t, append([]string{"mount", "--force"}, kind.args...)...) // SYS_ADMIN with a user namespace needs it
		if statuses[status]++; status == 0 {
			m.call(t, "umount", "--lazy", m.web, kind.target)
		}
	}
	t.Logf("statuses: %v", statuses)
	if statuses[0] == 0 || statuses[125] == 0 {
		t.Error("every call ended in the same way")
	}
}

// call is a call of docker nsjoin, which ends with status 0, or with 125 and one line with a hint.
func (m *mountCell) call(t *testing.T, args ...string) int {
	t.Helper()
	cmd := m.caller.docker(append([]string{"nsjoin"}, args...)...)
	var errs bytes.Buffer
	cmd.Stderr = &errs
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	status := ended(t, cmd)
	lines := strings.Count(strings.ReplaceAll(errs.String(), "\nhint: ", ""), "\n")
	if status != 0 && (status != 125 || lines != 1 || !strings.HasPrefix(errs.String(), "docker nsjoin: ")) {
		t.Errorf("docker nsjoin %s: status %d: %s", strings.Join(args, " "), status, &errs)
	}
	return status
}

// watch looks all the time at what is mounted in both containers and on the host.
func (m *mountCell) watch(t *testing.T, stop <-chan struct{}) {
	pids := map[string]int{m.web: initPID(t, m.web), m.db: initPID(t, m.db)}
	faults := make(map[string]bool)
	for {
		for name, pid := range pids {
			for _, mount := range mountsOf(t, pid) {
				if why := m.fault(name, mount); why != "" {
					faults[fmt.Sprintf("in %s: %+v: %s", name, mount, why)] = true
				}
			}
		}
		for _, mount := range mountsOf(t, os.Getpid()) {
			if strings.Contains(mount.Root, m.dir) {
				faults[fmt.Sprintf("on the host: %+v", mount)] = true
			}
		}
		select {
		case <-stop:
			for _, text := range slices.Sorted(maps.Keys(faults)) {
				t.Error(text)
			}
			return
		default:
		}
	}
}

// fault says why a container must not have a mount; "" if it may. It may have what it had, what the intruder there can
// mount itself, and what is asked for.
func (m *mountCell) fault(container string, in procfs.Mount) string {
	root := func(mount procfs.Mount) string { return strings.TrimSuffix(mount.Root, "//deleted") }
	if in.Type == "tmpfs" && in.Root == "/" {
		return ""
	}
	for _, had := range m.before[container] {
		if had.Device == in.Device && (root(in) == root(had) || strings.HasPrefix(root(in), strings.TrimSuffix(had.Root, "/")+"/")) {
			return ""
		}
	}
	if container != m.web {
		return "it is not the container's"
	}
	for _, had := range m.before[m.db] {
		if had.Path == "/" && had.Device == in.Device && strings.HasPrefix(root(in), "/tmp/") {
			return "" // by --from
		}
	}
	return "nobody asked for it"
}

// judge fails if an intruder got something that it must not get.
func (m *mountCell) judge(t *testing.T, text []byte) {
	rounds, children := 0, 0
	for line := range bytes.Lines(text) {
		var l mountLoot
		if json.Unmarshal(line, &l) != nil {
			continue
		}
		rounds += l.Rounds
		if l.Secret != "" {
			t.Errorf("the intruder has reached %s", l.Secret)
		}
		if l.Process == nil {
			continue
		}
		if l.Child {
			children++
		}
		for _, harmless := range []string{"signal", "prlimit"} { // the kernel requires only the same user
			delete(l.Process.Got, harmless)
		}
		if m.column.name != hostsProcesses {
			t.Errorf("the container sees process %d, %q", l.Process.PID, l.Process.Args)
		}
		if l.Process.Secret || len(l.Process.Files)+len(l.Process.Got) > 0 {
			t.Errorf("an intruder %s got from process %d, %q: %v %v", l.Process.Guise, l.Process.PID, l.Process.Args, l.Process.Files, l.Process.Got)
		}
	}
	if rounds == 0 {
		t.Error("the intruder did nothing")
	}
	if t.Logf("%d rounds, the child was seen %d times", rounds, children); m.column.name == hostsProcesses && children == 0 {
		t.Error("the intruder did not see a child")
	}
}

// isClean unmounts what the intruders have kept from being unmounted. Then nothing may be left, and all works as before.
func (m *mountCell) isClean(t *testing.T) {
	list := func() (targets []string) {
		out, err := m.caller.docker("nsjoin", "mount", "--format", "{{.Target}} {{.By}}", m.web).Output()
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(out)) {
			if target, _, ours := strings.Cut(line, " docker nsjoin"); ours {
				targets = append(targets, target)
			}
		}
		return targets
	}
	eventually(t, "all mounts are unmounted", func() bool { // one may be above the other, so that its path changes
		targets := list()
		for _, target := range targets {
			m.call(t, "umount", "--lazy", m.web, target)
		}
		return len(targets) == 0
	})
	pid := initPID(t, m.web)
	for _, mount := range mountsOf(t, pid) {
		if !slices.ContainsFunc(m.before[m.web], func(had procfs.Mount) bool { return had.ID == mount.ID }) {
			t.Errorf("%+v is left", mount)
		}
	}
	made := "/tmp/nsjoin-made/dir"
	if status := m.call(t, "mount", "--force", "--mkdir", m.web, m.dir+"/secret:"+made); status != 0 {
		t.Errorf("status %d after the attack", status)
	}
	m.call(t, "umount", m.web, made)
	if out := inside(t, m.web, "sh", "-c", "ls -d /tmp/nsjoin-made || true"); out != "" {
		t.Errorf("%s is left", out)
	}
	if m.column.name != hostsProcesses {
		nothingIsLeft(t, m.web)
	}
}

// mountsOf returns the mountinfo of a process.
func mountsOf(t *testing.T, pid int) []procfs.Mount {
	t.Helper()
	dir, err := procfs.Open(pid)
	if err != nil {
		t.Error(err)
		return nil
	}
	defer dir.Close()
	list, err := procfs.ReadMounts(dir, 100_000)
	if err != nil {
		t.Error(err)
	}
	return list
}
