//go:build linux

package main_test

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/pkg/exit"
	"github.com/nsjoin/docker-nsjoin/pkg/ns"
	"github.com/nsjoin/docker-nsjoin/pkg/procfs"
	"github.com/nsjoin/docker-nsjoin/pkg/request"
)

// victims says who is killed with SIGKILL at a moment of a mount. container is the process that is mounted into, or 0.
type victims struct {
	helper, child bool
	container     int
}

// startTraced starts the helper with a request, traced by the thread that calls it. The caller closes errs, its standard error,
// and waits for it.
func startTraced(t *testing.T, file string) (p *os.Process, errs *os.File) {
	t.Helper()
	helper, err := filepath.Abs("../../pkg/payload/helpers/linux_" + runtime.GOARCH)
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if errs, err = os.Create(filepath.Join(t.TempDir(), "stderr")); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(helper, "3")
	cmd.Stderr = errs
	cmd.ExtraFiles, cmd.Env, cmd.SysProcAttr = []*os.File{f}, []string{}, &syscall.SysProcAttr{Ptrace: true}
	if err := cmd.Start(); err != nil {
		errs.Close()
		t.Fatal(err)
	}
	return cmd.Process, errs
}

// killed runs the helper with a request until its child and, with all, the helper's threads have made n system calls since
// the child was forked, entry and exit counted each, and kills the victims there; with n = 0 nobody.
func killed(t *testing.T, file string, n int, all bool, who victims) *killer {
	t.Helper()
	runtime.LockOSThread() // the tracer is a thread
	defer runtime.UnlockOSThread()
	helper, errs := startTraced(t, file)
	defer errs.Close()
	defer helper.Release() //nolint:errcheck // it is waited for here
	k := &killer{main: helper.Pid, n: n, all: all, who: who, ended: make(map[int]bool)}
	for !k.ended[k.main] || k.child != 0 && !k.ended[k.child] {
		var status unix.WaitStatus
		pid, err := unix.Wait4(-1, &status, unix.WALL|unix.WNOTHREAD, nil)
		switch {
		case errors.Is(err, unix.EINTR):
		case err != nil:
			t.Fatal(err)
		case !status.Stopped():
			if k.ended[pid] = true; pid == k.main {
				k.status = status
			}
		default:
			k.stopped(pid, status)
		}
	}
	text, err := os.ReadFile(errs.Name())
	if err != nil {
		t.Fatal(err)
	}
	k.stderr = string(text)
	return k
}

// killer traces a helper and its child for killed.
type killer struct {
	main, child int // PIDs; child is 0 until there is one
	n           int
	all         bool
	who         victims
	ended       map[int]bool

	// count is how many calls it has seen, and attaches which of them was the first of move_mount(2).
	count, attaches int
	// status is the helper's wait status, and stderr what it printed.
	status unix.WaitStatus
	stderr string
}

// stopped lets a thread go on that has stopped, perhaps after a kill.
func (k *killer) stopped(pid int, status unix.WaitStatus) {
	pass, isCall := 0, status.StopSignal() == unix.SIGTRAP|0x80
	switch {
	case pid == k.main && k.child == 0 && status.StopSignal() == unix.SIGTRAP && status.TrapCause() == 0:
		_ = unix.PtraceSetOptions(pid, unix.PTRACE_O_TRACECLONE|unix.PTRACE_O_TRACEFORK|unix.PTRACE_O_TRACESYSGOOD|unix.PTRACE_O_EXITKILL)
	case status.TrapCause() == unix.PTRACE_EVENT_FORK, status.TrapCause() == unix.PTRACE_EVENT_CLONE:
		made, _ := unix.PtraceGetEventMsg(pid)
		if !isThread(k.main, int(made)) {
			k.child = int(made)
		}
	case status.StopSignal() != unix.SIGTRAP && status.StopSignal() != unix.SIGSTOP && !isCall:
		pass = int(status.StopSignal())
	}
	if isCall && k.child != 0 && (k.all || pid == k.child) {
		k.called(pid)
	}
	// The child may stop before its parent says that there is one.
	if (k.n == 0 || k.count < k.n) && (k.child != 0 && k.all || pid == k.child || !isThread(k.main, pid)) {
		_ = unix.PtraceSyscall(pid, pass)
	} else {
		_ = unix.PtraceCont(pid, pass)
	}
}

// called counts a system call of a thread, and kills at the moment for that.
func (k *killer) called(pid int) {
	if k.count++; k.attaches == 0 && pid == k.child && isMoveMount(pid) {
		k.attaches = k.count
	}
	if k.count != k.n {
		return
	}
	if k.who.child {
		_ = unix.Kill(k.child, unix.SIGKILL)
	}
	if k.who.container != 0 {
		_ = unix.Kill(k.who.container, unix.SIGKILL)
		for st, err := procfs.ReadStat(k.who.container); err == nil && !st.Dead(); st, err = procfs.ReadStat(k.who.container) {
			time.Sleep(time.Millisecond)
		}
	}
	if k.who.helper {
		_ = unix.Kill(k.main, unix.SIGKILL)
	}
}

// isThread reports whether a thread is one of a process.
func isThread(process, thread int) bool {
	_, err := os.Stat(filepath.Join("/proc", strconv.Itoa(process), "task", strconv.Itoa(thread)))
	return err == nil
}

// isMoveMount reports whether a stopped process is in move_mount(2).
func isMoveMount(pid int) bool {
	text, _ := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "syscall"))
	number, _, _ := bytes.Cut(text, []byte(" "))
	return string(number) == strconv.Itoa(unix.SYS_MOVE_MOUNT)
}

// A helper or its child that is killed, or both, has mounted and recorded everything, or nothing is left: no mount, no
// record, and no mount point that was made.
func TestMountKilled(t *testing.T) { killAtEach(t, false, 1) }

// The same at each system call of all threads.
func TestHostileMountKilled(t *testing.T) {
	if os.Getenv("NSJOIN_TEST_HOSTILE") != "all" {
		t.Skip("takes a minute: make hostile")
	}
	killAtEach(t, true, 3)
}

// A container that ends in between is an error, and nothing of the mount is left.
func TestContainerEndsDuringMount(t *testing.T) {
	source, dir := t.TempDir(), t.TempDir()
	target := filepath.Join(dir, "made", "for")
	kinds := ns.SetOf(ns.Mnt)
	usual := killed(t, requestFile(t, isolated(t, kinds), source, target), 0, false, victims{})
	if usual.attaches == 0 || usual.status.ExitStatus() != 0 {
		t.Fatalf("%+v", usual)
	}
	for _, n := range []int{1, usual.attaches / 2, usual.attaches, usual.attaches + 1} {
		if err := os.RemoveAll(filepath.Join(dir, "made")); err != nil { // of the first process, which still runs
			t.Fatal(err)
		}
		pid := isolated(t, kinds)
		k := killed(t, requestFile(t, pid, source, target), n, false, victims{container: pid})
		if k.status.ExitStatus() != exit.Failed || !strings.HasPrefix(k.stderr, "docker nsjoin: ") {
			t.Errorf("at system call %d: status %d: %s", n, k.status.ExitStatus(), k.stderr)
		}
		if left, _ := os.ReadDir(dir); len(left) > 0 {
			t.Errorf("at system call %d: %v is left", n, left)
		}
		if left, _ := filepath.Glob("/run/docker-nsjoin-host/pid-" + strconv.Itoa(pid)); len(left) > 0 {
			t.Errorf("at system call %d: %v is left", n, left)
		}
	}
}

// requestFile writes a request for a mount at a target that is made.
func requestFile(t *testing.T, pid int, source, target string) string {
	t.Helper()
	q := attach(source, target)
	q.Mkdir = true
	return fileOf(t, asked(pid, q))
}

// fileOf writes a request.
func fileOf(t *testing.T, r *request.Request) string {
	t.Helper()
	var document bytes.Buffer
	r.Version = request.Version
	if err := r.Write(&document); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "request")
	if err := os.WriteFile(file, document.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// killAtEach kills at each system call, in so many ways of the three.
func killAtEach(t *testing.T, all bool, ways int) {
	source, dir := t.TempDir(), t.TempDir()
	target := filepath.Join(dir, "made", "for")
	pid := isolated(t, ns.SetOf(ns.Mnt))
	file := requestFile(t, pid, source, target)
	usual := killed(t, file, 0, all, victims{})
	last, attaches := usual.count, usual.attaches
	if !checkWhole(t, pid, source, target) || attaches == 0 {
		t.Fatal("it is not mounted")
	}
	moments, whole := 0, 0
	for n := 1; n <= last; n++ {
		if ways == 1 && n < attaches-2 && n%10 > 0 {
			continue // little happens here
		}
		for way := range ways {
			moments++
			who := []victims{{helper: true}, {child: true}, {helper: true, child: true}}[(n+way)%3]
			killed(t, file, n, all, who)
			if checkWhole(t, pid, source, target) {
				whole++
			}
			if t.Failed() {
				t.Fatalf("at system call %d, %+v", n, who)
			}
		}
	}
	t.Logf("%d moments, %d calls, %d of them from move_mount on; %d mounted", moments, last, last-attaches, whole)
	if whole == 0 || whole == moments {
		t.Error("not all moments were reached")
	}
}

// checkWhole reports whether the target is mounted, unmounts it, and checks that the record agrees and nothing is left.
func checkWhole(t *testing.T, pid int, source, target string) bool {
	t.Helper()
	list := mounted(t, pid) // waits for the lock, which the child holds until it has ended
	lines := linesWith(t, pid, " "+target+" ")
	if len(list) != len(lines) || len(lines) > 1 || len(linesWith(t, pid, source+" ")) != len(lines) {
		t.Errorf("recorded are %+v, mounted %q", list, lines)
	}
	if len(lines) == 1 {
		gone := &request.Mount{Action: request.MountDetach, Target: request.Word(target)}
		if _, stderr, status := runHelper(t, asked(pid, gone)); status != 0 {
			t.Errorf("status %d: %s", status, stderr)
		}
	}
	if left, _ := os.ReadDir(filepath.Dir(filepath.Dir(target))); len(left) > 0 {
		t.Errorf("%v is left", left)
	}
	if left, _ := filepath.Glob("/run/docker-nsjoin-host/pid-" + strconv.Itoa(pid)); len(left) > 0 {
		t.Errorf("%v is left", left)
	}
	return len(lines) == 1
}
