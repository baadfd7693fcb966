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
	const silent = ": the file system does not answer"
	for _, row := range []silentRow{
		{"source", "/sub", "/at", "SOURCE/sub" + silent, ""},
		{"target", "", "/silent/sub", `/silent/sub in "WEB"` + silent, ""},
		{"made", "", "/silent/sub/new", `/silent/sub/new in "WEB"` + silent, ""},
		// Names are cached, and attributes are not. The plugin asks for none; a helper in a container has other mounts.
		{"attributes", knownPath, "/at", "SOURCE" + knownPath + ": no such file or directory", "--via engine"},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			row.run(t, c)
		})
	}
}

type silentRow struct{ name, source, target, want, via string }

func (row silentRow) run(t *testing.T, c caller) {
	t.Helper()
	web, source := c.container(t), t.TempDir()
	inside(t, web, "mkdir", "/silent", "/at")
	before := len(mountsOf(t, initPID(t, web)))
	enters := []string{"nsenter", "-m", "-t", initOf(t, web), "busybox"}
	makes, where := strings.Join(enters, " ")+" mount", "/silent"
	isSource := strings.HasPrefix(row.want, "SOURCE")
	if isSource {
		makes, where = "mount -i", source
	}
	known := ":"
	if row.via != "" {
		known = "test -e " + source + knownPath
	}
	want := "docker nsjoin: " + strings.NewReplacer("SOURCE", source, "WEB", web).Replace(row.want) + "\n"
	s := newSilentServer(t)
	// The call is in a mount namespace and a session of its own.
	script := fmt.Sprintf("%s -t fuse -o fd=3,rootmode=40755,user_id=0,group_id=0,allow_other silent %s && exec 3>&- && %s && exec docker nsjoin mount --mkdir %s %s %s:%s",
		makes, where, known, row.via, web, source+row.source, row.target)
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
	if asked := s.taken(); asked != (row.via != "--via engine") {
		t.Errorf("the server was asked: %v", asked)
	}
	s.end()
	if !isSource {
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

// knownPath is what a silentServer answers for. The attributes of its last directory can be read once, and those of the one
// before not at all.
const knownPath = "/known/sub"

// silentServer serves a FUSE file system, fuse(4), of which only the root directory's attributes can be read, and those of
// knownPath; if it is mute, nothing at all.
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
	const lookup, getAttributes, statfs, initialise, interrupt, header = 1, 3, 17, 26, 36, 40
	question, told := make([]byte, 1<<17), false
	for {
		poll := []unix.PollFd{{Fd: int32(s.fd), Events: unix.POLLIN}}
		_, _ = unix.Poll(poll, 20)
		select {
		case <-s.over:
			return
		default:
		}
		n, err := unix.Read(s.fd, question)
		if err != nil || n < header {
			continue
		}
		body, errno, node := []byte(nil), int32(0), binary.NativeEndian.Uint64(question[16:])
		operation := binary.NativeEndian.Uint32(question[4:])
		child := map[string]uint64{"1known": 2, "2sub": 3}[fmt.Sprint(node)+unix.ByteSliceToString(question[header:n])]
		switch {
		case operation == lookup && child == 0, operation == interrupt, s.mute.Load() && operation != initialise,
			operation == getAttributes && (node == 2 || node == 3 && told):
			s.asked <- struct{}{}
			continue
		}
		switch operation {
		case initialise:
			body = make([]byte, 64)
			binary.NativeEndian.PutUint32(body, 7) // version 7.31
			binary.NativeEndian.PutUint32(body[4:], 31)
			binary.NativeEndian.PutUint32(body[20:], 4096) // max_write
		case statfs:
			body = make([]byte, 80) //nolint:mnd // struct fuse_statfs_out
		case getAttributes:
			told = told || node == 3
			body = append(make([]byte, 16), directory(node)...) // not cached
		case lookup:
			body = binary.NativeEndian.AppendUint64(nil, child)
			body = binary.NativeEndian.AppendUint64(body, 0)
			body = binary.NativeEndian.AppendUint64(body, 1000) // seconds for which the name is cached
			body = append(append(body, make([]byte, 16)...), directory(child)...)
		default:
			errno = -int32(unix.ENOSYS)
		}
		answer := binary.NativeEndian.AppendUint32(nil, uint32(16+len(body)))
		answer = binary.NativeEndian.AppendUint32(answer, uint32(errno))
		answer = append(append(answer, question[8:16]...), body...)
		_, _ = unix.Write(s.fd, answer)
	}
}

// directory returns the attributes of a directory, struct fuse_attr.
func directory(node uint64) []byte {
	attributes := make([]byte, 88)
	binary.NativeEndian.PutUint64(attributes, node)
	binary.NativeEndian.PutUint32(attributes[60:], unix.S_IFDIR|0o755)
	binary.NativeEndian.PutUint32(attributes[64:], 2)
	return attributes
}
