//go:build linux

package main

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// A FUSE file system whose server has taken a request and does not answer keeps a process waiting that not even SIGKILL
// ends. With one as SOURCE, or above TARGET, docker nsjoin mount ends with one line; nothing is mounted or recorded, and
// when the server ends, no process is left.
func TestMountOfSilentFiles(t *testing.T) {
	engine := engineOfTest(t)
	if engine.kinds["rootless"] || !onHost() || engine.via == "engine" {
		t.Skip("the file system is in a mount namespace of the test's own, which a helper container does not see")
	}
	c := newCaller(t)
	for _, row := range []silentRow{
		{"source", "/sub", "/at", "SOURCE/sub"},
		{"target", "", "/silent/sub", `/silent/sub in "WEB"`},
		{"made", "", "/silent/sub/new", `/silent/sub/new in "WEB"`},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			row.run(t, c)
		})
	}
}

type silentRow struct{ name, source, target, want string }

func (row silentRow) run(t *testing.T, c caller) {
	t.Helper()
	web, source := c.container(t), t.TempDir()
	inside(t, web, "mkdir", "/silent", "/at")
	before := len(mountsOf(t, initPID(t, web)))
	enters := []string{"nsenter", "-m", "-t", initOf(t, web), "busybox"}
	makes, where := strings.Join(enters, " ")+" mount", "/silent"
	if row.name == "source" {
		makes, where = "mount -i", source
	}
	want := "docker nsjoin: " + strings.NewReplacer("SOURCE", source, "WEB", web).Replace(row.want) + ": the file system does not answer\n"
	s := newSilentServer(t)
	// The call is in a mount namespace and a session of its own.
	script := fmt.Sprintf("%s -t fuse -o fd=3,rootmode=40755,user_id=0,group_id=0,allow_other silent %s && exec 3>&- && exec docker nsjoin mount --mkdir %s %s:%s",
		makes, where, web, source+row.source, row.target)
	cmd := exec.Command("unshare", "--mount", "--propagation", "private", "sh", "-c", script)
	cmd.Env, cmd.ExtraFiles, cmd.SysProcAttr = c.env, []*os.File{s.dev}, &syscall.SysProcAttr{Setsid: true}
	var errs bytes.Buffer
	cmd.Stderr = &errs
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if status := ended(t, cmd); status != 125 || errs.String() != want {
		t.Errorf("status %d: %s", status, &errs)
	}
	if !s.taken() {
		t.Error("the server was not asked")
	}
	s.end()
	if row.name != "source" {
		if out, err := exec.Command(enters[0], append(enters[1:], "umount", "-l", where)...).CombinedOutput(); err != nil {
			t.Errorf("%v: %s", err, out)
		}
	}
	eventually(t, "no process is left", func() bool { return len(inSession(cmd.Process.Pid)) == 0 })
	if now := mountsOf(t, initPID(t, web)); len(now) != before {
		t.Errorf("%d mounts, %d before", len(now), before)
	}
	list, err := c.docker("nsjoin", "mount", "--format", "{{.By}}", web).Output()
	if err != nil || strings.Contains(string(list), "docker nsjoin") {
		t.Errorf("%v: %s", err, list)
	}
}

// A file system that does not even say what its root directory is, on the whole of a container's, does not keep debug --tools
// host waiting: it is mounted at /target, and asked nothing. Before, nothing ended the call.
func TestHostViewOfSilentFiles(t *testing.T) {
	engine := engineOfTest(t)
	if engine.kinds["rootless"] || !onHost() || engine.via == "engine" {
		t.Skip("docker nsjoin debug --tools host is local")
	}
	c := newCaller(t)
	web := c.container(t)
	s := newSilentServer(t)
	s.mute.Store(true)
	mount := exec.Command("nsenter", "-m", "-t", initOf(t, web), "busybox", "mount", "-t", "fuse",
		"-o", "fd=3,rootmode=40755,user_id=0,group_id=0,allow_other", "silent", "/")
	mount.ExtraFiles = []*os.File{s.dev}
	if out, err := mount.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	cmd := c.docker("nsjoin", "debug", "--tools", "host", web, "grep", " /target .* fuse", "/proc/self/mountinfo")
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { // a call that waits ends with the server
		select {
		case <-s.asked:
			s.asked <- struct{}{}
			s.end()
		case <-s.over:
		}
	}()
	status := ended(t, cmd)
	if status != 0 || !strings.Contains(out.String(), " /target ") {
		t.Errorf("status %d: %s", status, &out)
	}
	if s.taken() {
		t.Error("the server was asked")
	}
	s.end()
}

// silentServer serves a FUSE file system, fuse(4), of which only the root directory's attributes can be read, and if it is
// mute not even these.
type silentServer struct {
	mute  atomic.Bool
	dev   *os.File // for the process that mounts
	fd    int
	over  chan struct{}
	ended chan struct{}
	once  sync.Once
	asked chan struct{} // has an element for each request that is not answered
}

func newSilentServer(t *testing.T) *silentServer {
	t.Helper()
	fd, err := unix.Open("/dev/fuse", unix.O_RDWR|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		t.Fatalf("/dev/fuse: %v", err)
	}
	again, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	s := &silentServer{
		dev: os.NewFile(uintptr(again), "fuse"), fd: fd,
		over: make(chan struct{}), ended: make(chan struct{}), asked: make(chan struct{}, 1000),
	}
	t.Cleanup(s.end)
	go s.serve()
	return s
}

// end ends the server: requests that wait get an error.
func (s *silentServer) end() {
	s.once.Do(func() {
		close(s.over)
		<-s.ended
		s.dev.Close()
		unix.Close(s.fd)
	})
}

// taken reports whether a request waits for an answer.
func (s *silentServer) taken() bool { return len(s.asked) > 0 }

func (s *silentServer) serve() {
	defer close(s.ended)
	const lookup, getAttributes, initialise, interrupt, header = 1, 3, 26, 36, 40
	question := make([]byte, 1<<17)
	for {
		poll := []unix.PollFd{{Fd: int32(s.fd), Events: unix.POLLIN}}
		_, _ = unix.Poll(poll, 20)
		select {
		case <-s.over:
			return
		default:
		}
		if n, err := unix.Read(s.fd, question); err != nil || n < header {
			continue
		}
		body, errno := []byte(nil), int32(0)
		what := binary.NativeEndian.Uint32(question[4:])
		if what == getAttributes && s.mute.Load() {
			what = lookup
		}
		switch what {
		case initialise:
			body = make([]byte, 64)
			binary.NativeEndian.PutUint32(body, 7) // version 7.31
			binary.NativeEndian.PutUint32(body[4:], 31)
			binary.NativeEndian.PutUint32(body[20:], 4096) // max_write
		case getAttributes:
			body = make([]byte, 104) // not cached
			binary.NativeEndian.PutUint64(body[16:], 1)
			binary.NativeEndian.PutUint32(body[76:], unix.S_IFDIR|0o755)
			binary.NativeEndian.PutUint32(body[80:], 2)
		case lookup, interrupt:
			s.asked <- struct{}{}
			continue
		default:
			errno = -int32(unix.ENOSYS)
		}
		answer := binary.NativeEndian.AppendUint32(nil, uint32(16+len(body)))
		answer = binary.NativeEndian.AppendUint32(answer, uint32(errno))
		answer = append(append(answer, question[8:16]...), body...)
		_, _ = unix.Write(s.fd, answer)
	}
}
