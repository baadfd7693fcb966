package control_test

import (
	"io"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/pkg/forward/control"
	"github.com/nsjoin/docker-nsjoin/pkg/state"
)

// Another user gets no answer and ends nothing, even if the socket of a call can be reached.
func TestAnotherUser(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root")
	}
	dir := t.TempDir()
	served, err := control.Record(private(t, dir), state.Entry{Name: "one", Began: time.Now()}, false)
	if err != nil {
		t.Fatal(err)
	}
	defer served.Close()
	s := &session{ids: []string{"a"}}
	served.Serve(s)
	paths, _ := filepath.Glob(filepath.Join(dir, "docker-nsjoin", "*.sock"))
	if len(paths) != 1 {
		t.Fatal(paths)
	}
	for path := paths[0]; path != filepath.Dir(os.TempDir()) && path != os.TempDir(); path = filepath.Dir(path) {
		if err := os.Chmod(path, 0o777); err != nil {
			t.Fatal(err)
		}
	}
	for _, row := range []struct {
		uid      uintptr
		answered bool
	}{{12345, false}, {0, true}} {
		answer := make(chan string)
		go func() {
			runtime.LockOSThread() // which ends with this function, and which alone becomes that user
			if _, _, errno := unix.RawSyscall(unix.SYS_SETRESUID, row.uid, row.uid, row.uid); errno != 0 {
				t.Error(errno)
			}
			conn, err := net.Dial("unix", paths[0])
			if err != nil {
				t.Error(err)
				answer <- ""
				return
			}
			defer conn.Close()
			_, _ = io.WriteString(conn, `{"End":["a"],"end":["a"]}`+"\n")
			text, _ := io.ReadAll(conn)
			answer <- string(text)
		}()
		if text := <-answer; (text != "") != row.answered {
			t.Errorf("uid %d is answered %q", row.uid, text)
		}
		if ended := len(s.Status()) == 0; ended != row.answered {
			t.Errorf("uid %d: ended is %t", row.uid, ended)
		}
	}
}
