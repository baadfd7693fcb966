//go:build linux

package main_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/pkg/ns"
	"github.com/nsjoin/docker-nsjoin/pkg/request"
)

// fileCalls are the system calls between which it matters what a path leads to.
var fileCalls = []uint64{
	unix.SYS_OPENAT, unix.SYS_OPENAT2, unix.SYS_READLINKAT, unix.SYS_STATX, unix.SYS_FCHDIR, unix.SYS_MKDIRAT, unix.SYS_MKNODAT,
	unix.SYS_OPEN_TREE, unix.SYS_MOUNT_SETATTR, unix.SYS_MOVE_MOUNT, unix.SYS_UMOUNT2,
}

// swapper traces a helper and its child, and makes an attack at the moment when a thread of them begins its nth file call.
// If it is a pulse, the attack is taken back when that call has returned.
type swapper struct {
	n         int
	act, undo func()
	look      func() // when something was mounted
	detaches  func() // when it is about to be unmounted, once
	pulse     bool
	dir       string
	inCall    map[int]bool // threads that are in a system call
	undoFor   int          // the thread after whose call it is taken back
	calls     []uint64     // that it has counted
	main      int
	begun     bool
	status    unix.WaitStatus
	stderr    string
}

// swapped runs the helper with a request.
func swapped(t *testing.T, file string, s *swapper) {
	t.Helper()
	runtime.LockOSThread() // the tracer is a thread
	defer runtime.UnlockOSThread()
	helper, errs := startTraced(t, file)
	defer errs.Close()
	defer helper.Release() //nolint:errcheck // it is waited for here
	s.main, s.inCall = helper.Pid, make(map[int]bool)
	gone := make(map[int]bool)
	for alive := map[int]bool{s.main: true}; len(alive) > 0; {
		var status unix.WaitStatus
		pid, err := unix.Wait4(-1, &status, unix.WALL|unix.WNOTHREAD, nil)
		switch {
		case errors.Is(err, unix.EINTR):
		case err != nil:
			t.Fatal(err)
		case !status.Stopped():
			delete(alive, pid)
			if gone[pid] = true; pid == s.main {
				s.status = status
			}
		default:
			alive[pid] = true
			if made, err := unix.PtraceGetEventMsg(pid); err == nil && status.TrapCause() > 0 && !gone[int(made)] {
				alive[int(made)] = true
			}
			s.stopped(pid, status)
		}
	}
	text, err := os.ReadFile(errs.Name())
	if err != nil {
		t.Fatal(err)
	}
	s.stderr = string(text)
}

// stopped lets a thread go on, perhaps after an attack.
func (s *swapper) stopped(pid int, status unix.WaitStatus) {
	pass := 0
	switch stop := status.StopSignal(); {
	case !s.begun:
		s.begun = true
		_ = unix.PtraceSetOptions(pid, unix.PTRACE_O_TRACECLONE|unix.PTRACE_O_TRACEFORK|unix.PTRACE_O_TRACESYSGOOD|unix.PTRACE_O_EXITKILL)
	case stop == unix.SIGTRAP|0x80:
		if s.inCall[pid] = !s.inCall[pid]; s.inCall[pid] {
			s.enters(pid)
		} else {
			s.returns(pid)
		}
	case stop != unix.SIGTRAP && stop != unix.SIGSTOP:
		pass = int(stop)
	}
	_ = unix.PtraceSyscall(pid, pass)
}

// enters counts a file call that a thread begins, from the first lookup of a path in dir on, and attacks at the moment for that.
func (s *swapper) enters(pid int) {
	number, argument := callOf(pid)
	if detaches := s.detaches; number == unix.SYS_UMOUNT2 && detaches != nil {
		s.detaches = nil
		detaches()
	}
	if s.n > 0 && len(s.calls) >= s.n || !slices.Contains(fileCalls, number) {
		return
	}
	if len(s.calls) == 0 && (number != unix.SYS_OPENAT2 || !strings.Contains(stringOf(pid, argument), s.dir)) {
		return
	}
	if s.calls = append(s.calls, number); len(s.calls) != s.n {
		return
	}
	s.act()
	if s.pulse {
		s.undoFor = pid
	}
}

// returns takes the attack back, if it is a pulse and the thread's call was attacked, and looks where something is mounted.
func (s *swapper) returns(pid int) {
	if number, _ := callOf(pid); number == unix.SYS_MOVE_MOUNT && s.look != nil {
		s.look()
	}
	if s.undoFor == pid {
		s.undo()
		s.undoFor = 0
	}
}

// callOf returns the number of the system call that a stopped thread is in, and its second argument.
func callOf(pid int) (number, argument uint64) {
	text, _ := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "syscall"))
	fields := strings.Fields(string(text))
	if len(fields) < 3 { //nolint:mnd // the number, and two arguments
		return ^uint64(0), 0
	}
	number, err := strconv.ParseUint(fields[0], 10, 64)
	if err != nil {
		return ^uint64(0), 0
	}
	argument, _ = strconv.ParseUint(fields[2], 0, 64)
	return number, argument
}

// stringOf returns the beginning of a string in a thread's memory.
func stringOf(pid int, at uint64) string {
	text := make([]byte, 256)
	f, err := os.Open(filepath.Join("/proc", strconv.Itoa(pid), "mem"))
	if err != nil {
		return ""
	}
	defer f.Close()
	n, _ := f.ReadAt(text, int64(at))
	return unix.ByteSliceToString(text[:n])
}

// swapArena is a process that is mounted into, and what an attacker there controls: the directories of the source and of
// the target, and the mounts.
type swapArena struct {
	t                   *testing.T
	dir, source, target string
	pid                 int
	file                string
}

// newSwapArena makes an arena, in which the target, and the directory that it is in, are to be made if missing.
func newSwapArena(t *testing.T, missing bool) *swapArena {
	t.Helper()
	dir := t.TempDir()
	a := &swapArena{t: t, dir: dir, source: dir + "/shared/p/src", target: dir + "/t/a/sys", pid: isolated(t, ns.SetOf(ns.Mnt))}
	there := a.target
	if missing {
		a.target, there = dir+"/t/a/made/sys", dir+"/t/a"
	}
	for _, name := range []string{a.source, there, dir + "/secret/src", dir + "/peer1", dir + "/peer2"} {
		if err := os.MkdirAll(name, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	a.inside("mount -t tmpfs peer peer1 && mount --make-shared peer1 && mkdir peer1/sub && mount --bind peer1 peer2")
	a.file = requestFile(t, a.pid, a.source, a.target)
	return a
}

// link replaces a path by a symbolic link, and takes that back.
func (a *swapArena) link(path, to string) (act, undo func()) {
	act = func() { _ = errors.Join(os.Rename(path, path+"-moved"), os.Symlink(to, path)) }
	undo = func() { _ = errors.Join(os.Remove(path), os.Rename(path+"-moved", path)) }
	return act, undo
}

// cover mounts something over a path in the process's mounts.
func (a *swapArena) cover(path, what string) (act, undo func()) {
	return func() { a.inside("mount --bind " + what + " " + path) }, func() { a.inside("umount -l " + path + " || true") }
}

// inside runs a command in the process's mounts.
func (a *swapArena) inside(command string) {
	out, err := exec.Command("nsenter", "-m", "-t", strconv.Itoa(a.pid), "sh", "-c", "cd "+a.dir+" && "+command).CombinedOutput()
	if err != nil {
		a.t.Errorf("%s: %v: %s", command, err, out)
	}
}

// check fails if the source, or what nobody named, is mounted elsewhere. It returns the lines of mountinfo with the source.
func (a *swapArena) check(t *testing.T, s *swapper) (lines []string) {
	t.Helper()
	info := linesWith(t, a.pid, " ")
	for _, line := range info {
		fields := strings.Fields(line)
		root, at := fields[3], fields[4]
		switch {
		case strings.HasSuffix(root, a.dir+"/secret") || strings.HasSuffix(root, a.dir+"/secret/src"):
			t.Errorf("what nobody named is mounted: %s", line)
		case strings.Contains(root, a.dir+"/shared"):
			if lines = append(lines, line); !strings.HasPrefix(at, a.dir+"/t/") {
				t.Errorf("it is mounted elsewhere: %s", line)
			}
			if strings.Contains(line, " shared:") {
				t.Errorf("it is a shared mount: %s", line)
			}
		}
	}
	if here := linesWith(t, "self", a.dir); len(here) > 0 {
		t.Errorf("it is on the host: %q", here)
	}
	if ok := s.status.ExitStatus() == 0; ok != (len(lines) == 1) || !ok && !strings.HasPrefix(s.stderr, "docker nsjoin: ") {
		t.Errorf("status %d: %s; mounted are %q", s.status.ExitStatus(), s.stderr, lines)
	}
	return lines
}

// look fails if the source is mounted at a place that is not the attacker's, for however short a time. On a shared mount that
// the attacker has put over the target in time it is for a moment: the kernel mounts on the topmost mount.
func (a *swapArena) look(t *testing.T) {
	t.Helper()
	for _, line := range linesWith(t, a.pid, " "+a.dir+"/shared/") {
		if at := strings.Fields(line)[4]; !strings.HasPrefix(at, a.dir+"/t") && !strings.HasPrefix(at, a.dir+"/peer") {
			t.Errorf("it was mounted elsewhere: %s", line)
		}
	}
}

// clean unmounts, and checks that nothing is left.
func (a *swapArena) clean(t *testing.T, lines []string) {
	t.Helper()
	list := []string(nil)
	if len(lines) > 0 {
		for _, r := range mounted(t, a.pid) {
			list = append(list, string(r.Target))
			gone := &request.Mount{Action: request.MountDetach, Lazy: true, Target: r.Target}
			if _, stderr, status := runHelper(t, asked(a.pid, gone)); status != 0 {
				t.Errorf("status %d: %s", status, stderr)
			}
		}
	}
	if left := linesWith(t, a.pid, a.dir+"/shared"); len(left) > 0 || len(list) != len(lines) {
		t.Errorf("recorded were %q, mounted %q; %q is left", list, lines, left)
	}
	if made, _ := filepath.Glob(a.dir + "/*/*/made"); len(made) > 0 {
		t.Errorf("%q is left", made)
	}
	if left, _ := filepath.Glob("/run/docker-nsjoin-host/pid-" + strconv.Itoa(a.pid)); len(left) > 0 {
		t.Errorf("%v is left", left)
	}
}

// An attacker has exactly the moment between a check and what is done with it: the helper or its child is stopped when it
// begins a call that looks at files, something is put in the place of the source or the target, until that call has returned
// or for good, and they go on. What is mounted is the source, where the target was, or nothing.
func TestMountSwapped(t *testing.T) { swapAtEach(t, newSwapArena(t, false), true) }

// The same with a target that is made, whose directory is swapped.
func TestMadeTargetSwapped(t *testing.T) { swapAtEach(t, newSwapArena(t, true), true) }

// The same at each call.
func TestHostileMountSwapped(t *testing.T) {
	if os.Getenv("NSJOIN_TEST_HOSTILE") != "all" {
		t.Skip("takes a minute: make hostile")
	}
	swapAtEach(t, newSwapArena(t, false), false)
	swapAtEach(t, newSwapArena(t, true), false)
	unmountAtEach(t, false)
}

// The attacker puts a shared mount over the target just before the mount is attached, so that it appears elsewhere, and others over
// the mount just before it is detached for that. They do not keep it there.
func TestCoveredMountIsDetached(t *testing.T) {
	a := newSwapArena(t, false)
	usual := &swapper{dir: a.dir}
	swapped(t, a.file, usual)
	a.clean(t, a.check(t, usual))
	attaches := slices.Index(usual.calls, unix.SYS_MOVE_MOUNT) + 1
	if attaches == 0 {
		t.Fatalf("%+v", usual)
	}
	act, undo := a.cover(a.target, a.dir+"/peer1/sub")
	covers := 0
	s := &swapper{dir: a.dir, n: attaches, act: act, detaches: func() {
		for range 3 {
			a.inside("mount -t tmpfs cover " + a.target)
			covers++
		}
	}}
	swapped(t, a.file, s)
	if lines := a.check(t, s); len(lines) > 0 || covers == 0 {
		t.Errorf("with %d mounts over it: %q", covers, lines)
	}
	undo()
	a.clean(t, nil)
}

// attacks are those of an attacker on the source and the target. What is to be made is there only for a moment, and its directory
// is attacked instead.
func (a *swapArena) attacks() []swapAttack {
	target := a.target
	if _, err := os.Stat(target); err != nil {
		target = filepath.Dir(filepath.Dir(target))
	}
	return []swapAttack{
		newSwapAttack("the source is a link", a.link, a.source, a.dir+"/secret"),
		newSwapAttack("the directory of the source is a link", a.link, filepath.Dir(a.source), a.dir+"/secret"),
		newSwapAttack("the target is a link", a.link, target, "/proc/sys"),
		newSwapAttack("the directory of the target is a link", a.link, filepath.Dir(target), "/proc"),
		newSwapAttack("a shared mount is on the target", a.cover, target, a.dir+"/peer1/sub"),
		newSwapAttack("the kernel's files are on the target", a.cover, target, "/proc/sys"),
	}
}

// While it is unmounted, too: what is unmounted is the mount of docker nsjoin, or nothing.
func TestUnmountSwapped(t *testing.T) { unmountAtEach(t, true) }

func unmountAtEach(t *testing.T, few bool) {
	t.Helper()
	a := newSwapArena(t, false)
	mountIt := func(t *testing.T) (all []string) {
		t.Helper()
		if _, stderr, status := runHelper(t, asked(a.pid, attach(a.source, a.target))); status != 0 {
			t.Fatalf("status %d: %s", status, stderr)
		}
		return linesWith(t, a.pid, " ")
	}
	a.file = fileOf(t, asked(a.pid, &request.Mount{Action: request.MountDetach, Target: request.Word(a.target)}))
	mountIt(t)
	usual := &swapper{dir: a.dir}
	swapped(t, a.file, usual)
	if usual.status.ExitStatus() != 0 {
		t.Fatalf("%+v", usual)
	}
	const ofSource = 2
	for _, attack := range a.attacks()[ofSource:] {
		t.Run(attack.name, func(t *testing.T) {
			results := make(map[int]int)
			for _, n := range usual.moments(few) {
				results[a.attackUnmount(t, attack, n, n%2 == 0, mountIt(t))]++
			}
			t.Logf("%d calls, statuses: %v", len(usual.calls), results)
		})
	}
}

// attackUnmount makes an attack at a call of an unmounting helper, and returns the status of that. before are the mounts.
func (a *swapArena) attackUnmount(t *testing.T, attack swapAttack, n int, pulse bool, before []string) int {
	t.Helper()
	s := &swapper{dir: a.dir, n: n, act: attack.act, undo: attack.undo, pulse: pulse}
	swapped(t, a.file, s)
	if len(s.calls) == n && (!pulse || s.undoFor != 0) {
		attack.undo()
	}
	left := linesWith(t, a.pid, " ")
	ours := func(line string) bool {
		return strings.Contains(line, " "+a.dir+"/shared/") || strings.Contains(line, a.dir+"/shared/p/src ")
	}
	status := s.status.ExitStatus()
	host := linesWith(t, "self", " ")
	for _, line := range slices.DeleteFunc(slices.Concat(before, left), ours) {
		at := " " + strings.Fields(line)[4] + " "
		// A mount point that is removed on the host is unmounted everywhere, as that of a container that ends meanwhile.
		gone := !strings.Contains(at, a.dir) && !slices.ContainsFunc(host, func(line string) bool { return strings.Contains(line, at) })
		if slices.Contains(left, line) != slices.Contains(before, line) && !gone {
			t.Errorf("another mount has changed: %s", line)
		}
	}
	count := func(lines []string) int {
		return len(slices.DeleteFunc(slices.Clone(lines), func(line string) bool { return !ours(line) }))
	}
	if there := count(left) == count(before); there == (status == 0) || status != 0 && !strings.HasPrefix(s.stderr, "docker nsjoin: ") {
		t.Errorf("status %d: %s; it is mounted: %v", status, s.stderr, there)
	}
	if status != 0 {
		if list := mounted(t, a.pid); len(list) != 1 {
			t.Errorf("recorded are %+v", list)
		}
		if _, stderr, status := runHelper(t, asked(a.pid, &request.Mount{Action: request.MountDetach, Target: request.Word(a.target)})); status != 0 {
			t.Errorf("status %d: %s", status, stderr)
		}
	}
	if t.Failed() {
		t.Fatalf("at call %d of %v, pulse %v", n, s.calls, pulse)
	}
	return status
}

func swapAtEach(t *testing.T, a *swapArena, few bool) {
	t.Helper()
	usual := &swapper{dir: a.dir}
	swapped(t, a.file, usual)
	a.clean(t, a.check(t, usual))
	moments := usual.moments(few)
	if usual.status.ExitStatus() != 0 || len(moments) == 0 {
		t.Fatalf("%+v", usual)
	}
	for _, attack := range a.attacks() {
		t.Run(attack.name, func(t *testing.T) {
			results := make(map[int]int)
			for _, n := range moments {
				results[a.attack(t, attack, n, true)]++
				if !few {
					results[a.attack(t, attack, n, false)]++
				}
			}
			t.Logf("%d moments of %d calls, statuses: %v", len(moments), len(usual.calls), results)
		})
	}
}

// attack makes an attack at a call, and returns the helper's status.
func (a *swapArena) attack(t *testing.T, attack swapAttack, n int, pulse bool) int {
	t.Helper()
	s := &swapper{dir: a.dir, n: n, look: func() { a.look(t) }, act: attack.act, undo: attack.undo, pulse: pulse}
	swapped(t, a.file, s)
	lines := a.check(t, s)
	if len(s.calls) == n && (!pulse || s.undoFor != 0) {
		attack.undo()
	}
	a.clean(t, lines)
	if t.Failed() {
		t.Fatalf("at call %d of %v, pulse %v: status %d: %s", n, s.calls, pulse, s.status.ExitStatus(), s.stderr)
	}
	return s.status.ExitStatus()
}

// moments returns which calls to attack at: all, or few, which are the last ones that look up a path, and what comes of them.
func (s *swapper) moments(few bool) (list []int) {
	const lookups = 3 // of the source, its last part, and the target
	opened := 0
	for i, number := range slices.Backward(s.calls) {
		if number == unix.SYS_OPENAT2 {
			opened++
		}
		isLast := number == unix.SYS_OPENAT2 && opened <= lookups
		if !few || isLast || slices.Contains([]uint64{unix.SYS_MKDIRAT, unix.SYS_OPEN_TREE, unix.SYS_MOVE_MOUNT, unix.SYS_FCHDIR, unix.SYS_UMOUNT2}, number) {
			list = append(list, i+1)
		}
	}
	return list
}

// swapAttack is something that an attacker does, and takes back.
type swapAttack struct {
	name      string
	act, undo func()
}

func newSwapAttack(name string, attack func(path, with string) (act, undo func()), path, with string) swapAttack {
	act, undo := attack(path, with)
	return swapAttack{name, act, undo}
}
