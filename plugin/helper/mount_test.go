//go:build linux

package main_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/nsjoin/docker-nsjoin/pkg/exit"
	"github.com/nsjoin/docker-nsjoin/pkg/mounts"
	"github.com/nsjoin/docker-nsjoin/pkg/ns"
	"github.com/nsjoin/docker-nsjoin/pkg/request"
)

// The tests of mounts need root, but no engine. The process that is mounted into has mounts of its own.

// asked returns a request for a mount into process pid.
func asked(pid int, q *request.Mount) *request.Request {
	return &request.Request{Base: request.Source{From: request.FromPID, PID: pid}, Take: ns.SetOf(ns.Mnt), Mount: q}
}

// attach asks for the mount of source at target.
func attach(source, target string) *request.Mount {
	return &request.Mount{Action: request.MountAttach, Type: request.MountBind, Source: request.Word(source), Target: request.Word(target)}
}

// mounted lists the mounts of process pid that we have made.
func mounted(t *testing.T, pid int) []*mounts.Record {
	t.Helper()
	out, stderr, status := runHelper(t, asked(pid, &request.Mount{Action: request.MountList}))
	var answer mounts.Answer
	if err := json.Unmarshal([]byte(out), &answer); err != nil || status != 0 {
		t.Fatalf("%v, status %d: %s", err, status, stderr)
	}
	return answer.Mounts
}

// linesWith returns the lines of a process's mountinfo that have a text.
func linesWith(t *testing.T, pid any, text string) []string {
	t.Helper()
	info, err := os.ReadFile(fmt.Sprintf("/proc/%v/mountinfo", pid))
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for line := range strings.Lines(string(info)) {
		if strings.Contains(line, text) {
			found = append(found, line)
		}
	}
	return found
}

// mountAndUnmount mounts into a process with its own namespaces of these kinds, and unmounts.
func mountAndUnmount(t *testing.T, kinds ns.Set) {
	t.Helper()
	source, target := t.TempDir(), t.TempDir()
	pid := isolated(t, kinds)
	q := attach(source, target)
	q.ReadOnly = true
	if kinds.Has(ns.User) { // which has SYS_ADMIN there
		if _, stderr, status := runHelper(t, asked(pid, q)); status == 0 || !strings.Contains(stderr, "could make the mount writable") {
			t.Errorf("status %d: %s", status, stderr)
		}
		q.Force = true
	}
	if _, stderr, status := runHelper(t, asked(pid, q)); status != 0 {
		t.Fatalf("status %d: %s", status, stderr)
	}
	lines := linesWith(t, pid, " "+target+" ro")
	if len(lines) != 1 || strings.Contains(lines[0], "shared:") || strings.Contains(lines[0], "master:") {
		t.Errorf("%q", lines)
	}
	if here := linesWith(t, "self", target); len(here) > 0 {
		t.Errorf("it is on the host: %q", here)
	}
	if list := mounted(t, pid); len(list) != 1 || string(list[0].Target) != target {
		t.Errorf("%+v", list)
	}
	gone := &request.Mount{Action: request.MountDetach, Target: request.Word(target)}
	if _, stderr, status := runHelper(t, asked(pid, gone)); status != 0 {
		t.Errorf("status %d: %s", status, stderr)
	}
	if lines := linesWith(t, pid, target); len(lines) > 0 {
		t.Errorf("%q", lines)
	}
}

func TestMountIntoProcess(t *testing.T) {
	for _, kinds := range []ns.Set{ns.SetOf(ns.Mnt), ns.SetOf(ns.Mnt, ns.User), ns.All()} {
		t.Run(kinds.String(), func(t *testing.T) { mountAndUnmount(t, kinds) })
	}
}

// Directories that were made for one mount and are in use by another one are removed with the last, and those of a process
// that has ended when the next one is asked for.
func TestMadeDirectoriesAreRemoved(t *testing.T) {
	source, dir := t.TempDir(), t.TempDir()
	pid := isolated(t, ns.SetOf(ns.Mnt))
	mountAt := func(name string) {
		q := attach(source, filepath.Join(dir, name))
		q.Mkdir = true
		if _, stderr, status := runHelper(t, asked(pid, q)); status != 0 {
			t.Fatalf("status %d: %s", status, stderr)
		}
	}
	unmount := func(name string) {
		q := &request.Mount{Action: request.MountDetach, Lazy: true, Target: request.Word(filepath.Join(dir, name))}
		if _, stderr, status := runHelper(t, asked(pid, q)); status != 0 {
			t.Fatalf("status %d: %s", status, stderr)
		}
	}
	left := func() string {
		entries, err := os.ReadDir(dir)
		return fmt.Sprint(entries, err)
	}
	mountAt("made/a")
	mountAt("made/b")
	mountAt("made/b")
	unmount("made/a")
	if got := left(); got != "[d made/] <nil>" {
		t.Errorf("left: %s", got)
	}
	unmount("made/b")
	unmount("made/b")
	if got := left(); got != "[] <nil>" {
		t.Errorf("left: %s", got)
	}
}

// --mkdir acts as the root of the container's user namespace, and with none of the helper's groups.
func TestMkdirHasNoGroups(t *testing.T) {
	source, dir := t.TempDir(), t.TempDir()
	const group, root = 4711, 100000
	ids := []syscall.SysProcIDMap{{HostID: root, Size: 65536}}
	cmd := exec.Command("sleep", "600")
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS, UidMappings: ids, GidMappings: ids}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	helper, err := filepath.Abs("../../pkg/payload/helpers/linux_" + runtime.GOARCH)
	if err != nil {
		t.Fatal(err)
	}
	for gid, want := range map[int]string{group: "permission denied", root: ""} {
		if err := errors.Join(os.Chown(dir, 0, gid), os.Chmod(dir, 0o770)); err != nil {
			t.Fatal(err)
		}
		q := attach(source, filepath.Join(dir, strconv.Itoa(gid)))
		q.Mkdir, q.Force = true, true
		_, stderr, status := runHelperBy(t, asked(cmd.Process.Pid, q), "setpriv", "--groups", strconv.Itoa(group), helper)
		if !strings.Contains(stderr, want) || (status == 0) != (want == "") {
			t.Errorf("a directory of group %d: status %d: %s", gid, status, stderr)
		}
	}
}

// With mapped IDs the root of the process's user namespace acts as the owner of the source, and as no other user of the
// host.
func TestMountMapsTheOwner(t *testing.T) {
	shm, err := os.MkdirTemp("/dev/shm", "nsjoin-test-") //nolint:usetesting // it is a tmpfs
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(shm) })
	for name, source := range map[string]string{"TMPDIR": t.TempDir(), "tmpfs": shm} {
		t.Run(name, func(t *testing.T) { mountMapsTheOwner(t, source) })
	}
	// Not all file systems can.
	pid := isolated(t, ns.SetOf(ns.Mnt, ns.User))
	q := attach("/proc/sys/kernel", t.TempDir())
	q.MapIDs, q.Force = true, true
	_, stderr, status := runHelper(t, asked(pid, q))
	if lines := strings.Split(stderr, "\n"); status != exit.Failed || len(lines) != 3 ||
		!strings.HasSuffix(lines[0], ": invalid argument") || lines[1] != "hint: /proc/sys/kernel is on proc, which cannot map IDs" {
		t.Errorf("status %d: %s", status, stderr)
	}
}

func mountMapsTheOwner(t *testing.T, source string) {
	t.Helper()
	target := t.TempDir()
	const user, group = 1000, 1001
	if err := os.Chown(source, user, group); err != nil {
		t.Fatal(err)
	}
	roots := filepath.Join(source, "roots")
	if err := os.WriteFile(roots, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	pid := isolated(t, ns.SetOf(ns.Mnt, ns.User))
	q := attach(source, target)
	q.MapIDs, q.Force = true, true
	if _, stderr, status := runHelper(t, asked(pid, q)); status != 0 {
		t.Fatalf("status %d: %s", status, stderr)
	}
	in := func(command string) ([]byte, error) {
		return exec.Command("nsenter", "-t", strconv.Itoa(pid), "-m", "-U", "sh", "-c", "cd "+target+" && "+command).CombinedOutput()
	}
	if out, err := in("touch file && chmod 4755 file && stat -c '%u %g' ."); err != nil || string(out) != "0 0\n" {
		t.Fatalf("%v: %s", err, out)
	}
	var st syscall.Stat_t
	if err := syscall.Stat(filepath.Join(source, "file"), &st); err != nil || st.Uid != user || st.Gid != group {
		t.Errorf("%v: the file belongs to %d:%d on the host", err, st.Uid, st.Gid)
	}
	if out, err := in("chmod 4755 roots || chown 0 roots"); err == nil {
		t.Errorf("a file of root's was changed: %s", out)
	}
}

// A source that is not absolute is no directory of the host's, least of all the root directory.
func TestMountWithoutSource(t *testing.T) {
	pid, target := isolated(t, ns.SetOf(ns.Mnt)), t.TempDir()
	for _, source := range []string{"", "src", "./"} {
		if _, stderr, status := runHelper(t, asked(pid, attach(source, target))); status == 0 || !strings.Contains(stderr, "is not an absolute path") {
			t.Errorf("%q: status %d: %s", source, status, stderr)
		}
	}
}

// A mount beneath a shared mount would appear elsewhere.
func TestMountIsNotPropagated(t *testing.T) {
	target := t.TempDir()
	pid := isolated(t, ns.SetOf(ns.Mnt))
	in := func(command string) {
		t.Helper()
		if out, err := exec.Command("nsenter", "-t", fmt.Sprint(pid), "-m", "sh", "-c", command).CombinedOutput(); err != nil {
			t.Fatalf("%s: %v: %s", command, err, out)
		}
	}
	in("mount -t tmpfs none " + target + " && mount --make-shared " + target)
	_, stderr, status := runHelper(t, asked(pid, attach(t.TempDir(), target)))
	if status == 0 || !strings.Contains(stderr, "is on a shared mount") {
		t.Errorf("status %d: %s", status, stderr)
	}
}

// Whoever controls the process's mounts changes the target all the time. The source is mounted at a place of the
// process's own, or not at all; on the host nothing appears, and what was recorded is there.
func TestHostileMountTarget(t *testing.T) {
	// The link does not lead to /, which is the machine's own here: with --mkdir a directory would be made in it.
	source, dir, linked := t.TempDir(), t.TempDir(), t.TempDir()
	if err := os.WriteFile(filepath.Join(source, "marker"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	pid := isolated(t, ns.SetOf(ns.Mnt))
	script := `cd "$1" && mkdir -p a b c && while [ ! -e stop ]; do
		mv a d; ln -s "$2" a; rm a; mv d a
		mount -t tmpfs none a; mount --make-shared a; umount -l a
		mount --bind /proc a; umount -l a
		mv b e; rmdir c; mkdir c; mv e b
	done`
	swapper := exec.Command("nsenter", "-t", fmt.Sprint(pid), "-m", "sh", "-c", script, "sh", dir, linked)
	if err := swapper.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = swapper.Process.Kill(); _ = swapper.Wait() })
	succeeded, refused := 0, 0
	for i := 0; i < 40 || i < 1000 && (succeeded == 0 || refused == 0); i++ {
		target := filepath.Join(dir, []string{"a", "b", "c", "a/new"}[i%4])
		q := attach(source, target)
		q.Mkdir = i%4 == 3
		_, stderr, status := runHelper(t, asked(pid, q))
		switch {
		case status == 0:
			succeeded++
		case strings.HasPrefix(stderr, "docker nsjoin: "):
			refused++
		default:
			t.Errorf("status %d: %s", status, stderr)
		}
		if here := linesWith(t, "self", source); len(here) > 0 {
			t.Fatalf("it is on the host: %q", here)
		}
	}
	if succeeded == 0 || refused == 0 {
		t.Errorf("%d calls have mounted, %d were refused", succeeded, refused)
	}
	if err := os.WriteFile(filepath.Join(dir, "stop"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	_ = swapper.Wait() // so that nothing changes any more
	known := map[int]bool{}
	for _, r := range mounted(t, pid) {
		known[r.ID] = true
	}
	lines := linesWith(t, pid, source+" ")
	if len(lines) != len(known) {
		t.Errorf("%d are recorded, and there are %q", len(known), lines)
	}
	for _, line := range lines {
		var id int
		_, _ = fmt.Sscan(line, &id)
		if fields := strings.Fields(line); !known[id] || !strings.HasPrefix(fields[4], dir) && !strings.HasPrefix(fields[4], linked) {
			t.Errorf("not recorded, or elsewhere: %s", line)
		}
	}
}

// After a chroot(2) of the process, its own mountinfo shows neither on which mounts the target is nor what was mounted. That
// hides nothing from us: a record of a mount that is there is not removed, and umount finds it.
func TestMountAfterChroot(t *testing.T) {
	root, target := t.TempDir(), t.TempDir()
	cmd := exec.Command("unshare", "--mount", "sh", "-c", `mount --rbind / "$1" && exec chroot "$1" sh -c 'echo ready; exec sleep 600'`, "sh", root)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	if _, err := out.Read(make([]byte, 16)); err != nil {
		t.Fatal(err)
	}
	pid := cmd.Process.Pid
	if _, stderr, status := runHelper(t, asked(pid, attach(t.TempDir(), target))); status != 0 {
		t.Errorf("status %d: %s", status, stderr)
	}
	if own := linesWith(t, pid, " "+target+" "); len(own) > 0 {
		t.Errorf("the process sees %q", own)
	}
	if list := mounted(t, pid); len(list) != 1 || string(list[0].Target) != target {
		t.Errorf("listed are %+v", list)
	}
	gone := &request.Mount{Action: request.MountDetach, Target: request.Word(target)}
	if _, stderr, status := runHelper(t, asked(pid, gone)); status != 0 {
		t.Errorf("status %d: %s", status, stderr)
	}
	if list := mounted(t, pid); len(list) > 0 {
		t.Errorf("listed are %+v", list)
	}
}

// A process that gets mounts of its own leaves those that it had to others. Their record is kept, and they are listed as hidden:
// they cannot be unmounted through it.
func TestMountAfterUnshare(t *testing.T) {
	target := t.TempDir()
	cmd := exec.Command("unshare", "--mount", "sh", "-c", `echo ready; read line; exec unshare --mount sh -c 'echo changed; exec sleep 600'`)
	in, errIn := cmd.StdinPipe()
	out, errOut := cmd.StdoutPipe()
	if err := errors.Join(errIn, errOut, cmd.Start()); err != nil {
		t.Fatal(err)
	}
	ends := func() { _ = cmd.Process.Kill(); _ = cmd.Wait() }
	t.Cleanup(ends)
	says := func(want string) {
		t.Helper()
		text := make([]byte, 16)
		if n, err := out.Read(text); err != nil || string(text[:n]) != want+"\n" {
			t.Fatalf("%v: %q, want %q", err, text[:n], want)
		}
	}
	says("ready")
	pid := cmd.Process.Pid
	if _, stderr, status := runHelper(t, asked(pid, attach(t.TempDir(), target))); status != 0 {
		t.Fatalf("status %d: %s", status, stderr)
	}
	if _, err := in.Write([]byte("\n")); err != nil {
		t.Fatal(err)
	}
	says("changed")
	for range 2 {
		if list := mounted(t, pid); len(list) != 1 || !list[0].Hidden || list[0].Mode() != "rw, hidden from the first process" {
			t.Errorf("listed are %+v", list)
		}
		gone := &request.Mount{Action: request.MountDetach, Target: request.Word(target)}
		_, stderr, status := runHelper(t, asked(pid, gone))
		if status != exit.Failed || !strings.Contains(stderr, ": its first process has left the mount namespace that it is in") {
			t.Errorf("status %d: %s", status, stderr)
		}
	}
	ends()
	mounted(t, isolated(t, ns.SetOf(ns.Mnt))) // a call for another one removes what is not needed
	if left, _ := filepath.Glob("/run/docker-nsjoin-host/pid-" + strconv.Itoa(pid)); len(left) > 0 {
		t.Errorf("%v is left", left)
	}
}

// Many mounts, on top of each other, beside each other and in each other, are listed and unmounted. Each call reads the
// records of those before.
func TestManyMounts(t *testing.T) {
	source, dir := t.TempDir(), t.TempDir()
	pid := isolated(t, ns.SetOf(ns.Mnt))
	targets := make([]string, 20)
	if os.Getenv("NSJOIN_TEST_HOSTILE") == "all" {
		targets = make([]string, 100)
	}
	for i := range targets {
		targets[i] = filepath.Join(dir, []string{"same", "same/" + strconv.Itoa(i), "other" + strconv.Itoa(i)}[i%3])
		q := attach(source, targets[i])
		q.Mkdir = true
		if _, stderr, status := runHelper(t, asked(pid, q)); status != 0 {
			t.Fatalf("mount %d: status %d: %s", i, status, stderr)
		}
	}
	if list, lines := mounted(t, pid), linesWith(t, pid, source+" "); len(list) != len(targets) || len(lines) != len(targets) {
		t.Errorf("%d are recorded, %d mounted", len(list), len(lines))
	}
	for _, target := range slices.Backward(targets) {
		gone := &request.Mount{Action: request.MountDetach, Target: request.Word(target)}
		if _, stderr, status := runHelper(t, asked(pid, gone)); status != 0 {
			t.Fatalf("umount %s: status %d: %s", target, status, stderr)
		}
	}
	if left := linesWith(t, pid, dir); len(left) > 0 {
		t.Errorf("%q", left)
	}
}
