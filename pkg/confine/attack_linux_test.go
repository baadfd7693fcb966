package confine

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// attackArg makes this test's executable a process that gives up its rights and then attacks.
const attackArg = "docker-nsjoin-test-attack"

// attacks are what the process must not be able to do any more. Each returns nil if it worked.
var attacks = []struct {
	name string
	run  func() error
}{
	{"open a file", func() error { _, err := unix.Open("/etc/passwd", unix.O_RDONLY, 0); return err }},
	{"open itself", func() error { _, err := unix.Open("/proc/self/exe", unix.O_RDONLY, 0); return err }},
	{"create a file", func() error { _, err := unix.Open("/tmp", unix.O_TMPFILE|unix.O_RDWR, 0o600); return err }},
	{"read another descriptor", func() error { _, err := unix.Read(3, make([]byte, 1)); return err }},
	{"write to another descriptor", func() error { _, err := unix.Write(2, []byte("a")); return err }},
	{"open a socket", func() error { _, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM, 0); return err }},
	{"become root", func() error { return unix.Setresuid(0, 0, 0) }},
	{"signal its parent", func() error { return unix.Kill(unix.Getppid(), 0) }},
	{"signal a thread of its parent", func() error { return unix.Tgkill(unix.Getppid(), unix.Getppid(), 0) }},
	{"trace its parent", func() error { return unix.PtraceAttach(unix.Getppid()) }},
	{"read its parent's memory", func() error {
		_, err := unix.ProcessVMReadv(unix.Getppid(), []unix.Iovec{{}}, []unix.RemoteIovec{{}}, 0)
		return err
	}},
	{"make memory executable", func() error {
		_, err := unix.Mmap(-1, 0, 4096, unix.PROT_READ|unix.PROT_WRITE|unix.PROT_EXEC, unix.MAP_PRIVATE|unix.MAP_ANON)
		return err
	}},
	{"fork", func() error {
		_, _, errno := unix.RawSyscall6(unix.SYS_CLONE, uintptr(unix.SIGCHLD), 0, 0, 0, 0, 0)
		return number(errno)
	}},
	{"execute", func() error { return unix.Exec("/bin/true", []string{"true"}, nil) }},
	{"raise a limit", func() error { return unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: 10, Max: 10}) }},
	{"be seen by its user", func() error { return unix.Prctl(unix.PR_SET_DUMPABLE, 1, 0, 0, 0) }},
	{"take a lot of memory", func() error {
		_, err := unix.Mmap(-1, 0, 2*moreMemory, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
		return err
	}},
}

func number(errno unix.Errno) error {
	if errno == 0 {
		return nil
	}
	return errno
}

// attack gives up the process's rights and writes a line for each attack to standard output.
func attack() int {
	_, out, err := giveUp()
	if err != nil {
		fmt.Fprintln(out, err)
		return 1
	}
	for _, a := range attacks {
		fmt.Fprintf(out, "%s: %v\n", a.name, a.run())
	}
	garbage := 0
	for range 1000 { // memory and threads still work
		garbage += len(make([]byte, 1<<16))
	}
	done := make(chan bool)
	for range 4 {
		go func() { runtime.LockOSThread(); time.Sleep(time.Millisecond); done <- true }()
	}
	for range 4 {
		<-done
	}
	fmt.Fprintln(out, "end", garbage)
	return 0
}

func TestAttacks(t *testing.T) {
	if raced {
		t.Skip("the filter does not permit what the race detector does")
	}
	secret, err := os.Open("/etc/passwd")
	if err != nil {
		t.Fatal(err)
	}
	defer secret.Close()
	cmd := exec.Command(os.Args[0], attackArg)
	cmd.Env = environment()
	cmd.ExtraFiles = []*os.File{secret} // what a caller left open
	text, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	if len(lines) != len(attacks)+1 || !strings.HasPrefix(lines[len(lines)-1], "end ") {
		t.Fatalf("%s", text)
	}
	for _, line := range lines[:len(attacks)] {
		if strings.HasSuffix(line, ": <nil>") {
			t.Errorf("it could %s", line)
		}
	}
}

// Each thread of the process has given up everything, as the kernel sees it.
func TestRightsOfTheProcess(t *testing.T) {
	p := startForTest(t)
	threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/status", p.PID()))
	if err != nil || len(threads) == 0 {
		t.Fatalf("%q, %v", threads, err)
	}
	for _, thread := range threads {
		status, err := os.ReadFile(thread)
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{`CapPrm:\t0+`, `CapEff:\t0+`, `CapInh:\t0+`, `NoNewPrivs:\t1`, `Seccomp:\t2`} {
			if !regexp.MustCompile(`(?m)^` + want + `$`).Match(status) {
				t.Errorf("%s: no %s in\n%s", thread, want, status)
			}
		}
		if os.Geteuid() == 0 && !regexp.MustCompile(`(?m)^Uid:(\t65534){4}$`).Match(status) {
			t.Errorf("%s: its user in\n%s", thread, status)
		}
		if os.Geteuid() == 0 && !regexp.MustCompile(`(?m)^Groups:\t *$`).Match(status) {
			t.Errorf("%s: its groups in\n%s", thread, status)
		}
	}
}
