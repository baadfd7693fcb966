//go:build linux

package recorder_test

import (
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/pkg/audit"
	"github.com/nsjoin/docker-nsjoin/pkg/audit/audittest"
	"github.com/nsjoin/docker-nsjoin/pkg/recorder"
)

const timeout = time.Minute

// newHost makes a root directory with a logger that listens at path.
func newHost(t *testing.T, path string) (root *os.File, l *audittest.Listener) {
	t.Helper()
	dir := t.TempDir()
	l, err := audittest.Listen(filepath.Join(dir, path))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return open(t, dir), l
}

func open(t *testing.T, dir string) *os.File {
	t.Helper()
	root, err := os.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { root.Close() })
	return root
}

// fakeWatchdog is a watchdog.Fork whose process does nothing.
func fakeWatchdog(_ []string, _, _, _ *os.File) (int, error) {
	child, err := os.StartProcess("/bin/sleep", []string{"sleep", "600"}, &os.ProcAttr{})
	if err != nil {
		return 0, err
	}
	return child.Pid, nil
}

func receiveFields(t *testing.T, l *audittest.Listener) map[string]string {
	t.Helper()
	text, pid, err := l.Receive(timeout)
	if err != nil {
		t.Fatal(err)
	}
	if pid != os.Getpid() {
		t.Errorf("the record comes from process %d, not %d", pid, os.Getpid())
	}
	list, err := audittest.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	fields := make(map[string]string)
	for _, f := range list {
		fields[f.Name] = f.Value
	}
	return fields
}

// Records of every size arrive, large ones in a sealed file.
func TestJournald(t *testing.T) {
	for _, size := range []int{1, 100 << 10, 300 << 10, 5 << 20} {
		root, l := newHost(t, "run/systemd/journal/socket")
		argument := strings.Repeat("\n", size)
		r, err := recorder.Begin(root, audit.Journald, audit.Join{Program: "sh", Arguments: []string{argument}}, fakeWatchdog)
		if err != nil {
			t.Fatalf("%d bytes: %v", size, err)
		}
		begin := receiveFields(t, l)
		if want := `"` + strings.Repeat(`\n`, size) + `"`; begin["NSJOIN_ARGUMENTS"] != want {
			t.Errorf("%d bytes: %d arrived", size, len(begin["NSJOIN_ARGUMENTS"]))
		}
		if !regexp.MustCompile(`^[0-9a-f]{32}$`).MatchString(begin["NSJOIN_ID"]) {
			t.Errorf("ID %q", begin["NSJOIN_ID"])
		}
		if err := r.End(audit.End{Reason: audit.Exited, Status: 3}); err != nil {
			t.Fatal(err)
		}
		if end := receiveFields(t, l); end["NSJOIN_ID"] != begin["NSJOIN_ID"] || end["NSJOIN_STATUS"] != "3" || end["NSJOIN_DURATION_USEC"] == "" {
			t.Errorf("end %v of %v", end, begin)
		}
	}
}

// With systemd /dev/log is a symbolic link, absolute within the host's root.
func TestSyslog(t *testing.T) {
	root, l := newHost(t, "run/systemd/journal/dev-log")
	if err := os.Mkdir(filepath.Join(root.Name(), "dev"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("/run/systemd/journal/dev-log", filepath.Join(root.Name(), "dev/log")); err != nil {
		t.Fatal(err)
	}
	r, err := recorder.Begin(root, audit.Syslog, audit.Join{Program: "a\n<0>b"}, fakeWatchdog)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.End(audit.End{Reason: audit.Exited}); err != nil {
		t.Fatal(err)
	}
	for _, event := range []string{"begin", "end"} {
		text, _, err := l.Receive(timeout)
		if err != nil {
			t.Fatal(err)
		}
		if !regexp.MustCompile(`^<85>[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d docker-nsjoin\[\d+\]: time="\d+\.\d{6}" event="` + event + `" .*program="a\\n<0>b"[^\n]*$`).Match(text) {
			t.Errorf("%s: %q", event, text)
		}
	}
}

// Without a logger, or with one that is stuck, Begin returns an error and does not hang.
func TestLoggerErrors(t *testing.T) {
	empty := open(t, t.TempDir())
	gone, l := newHost(t, "run/systemd/journal/socket")
	l.Close()
	full, _ := newHost(t, "run/systemd/journal/socket")
	fillQueue(t, filepath.Join(full.Name(), "run/systemd/journal/socket"))
	file := open(t, t.TempDir())
	if err := os.MkdirAll(filepath.Join(file.Name(), "run/systemd/journal/socket"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		root *os.File
		want error
	}{{empty, unix.ENOENT}, {gone, unix.ECONNREFUSED}, {file, unix.ECONNREFUSED}, {full, nil}} {
		r, err := recorder.Begin(row.root, audit.Journald, audit.Join{}, fakeWatchdog)
		if err == nil || row.want != nil && !errors.Is(err, row.want) {
			t.Errorf("%v, want %v", err, row.want)
		}
		if err == nil {
			_ = r.End(audit.End{})
		}
	}
}

// fillQueue fills the queue of a listening socket.
func fillQueue(t *testing.T, path string) {
	t.Helper()
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	if err := unix.Connect(fd, &unix.SockaddrUnix{Name: path}); err != nil {
		t.Fatal(err)
	}
	for range 1 << 20 {
		if _, err := unix.Write(fd, []byte("x")); err != nil {
			if !errors.Is(err, unix.EAGAIN) {
				t.Fatal(err)
			}
			return
		}
	}
	t.Fatal("the queue does not fill")
}
