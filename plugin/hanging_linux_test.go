package main

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// On a file system whose server has stopped answering (NFS, sshfs, any FUSE), a process waits
// uninterruptibly, except for a signal that ends it.

// TestInterruptWhileAFileHangs interrupts docker nsjoin while it waits for /etc/passwd of the
// target process.
func TestInterruptWhileAFileHangs(t *testing.T) {
	// SIGQUIT is left out: since it dumps core, it does not end such a wait in any program.
	for _, sig := range []unix.Signal{unix.SIGINT, unix.SIGTERM, unix.SIGHUP} {
		t.Run(unix.SignalName(sig), func(t *testing.T) {
			file := newHangingFile(t)
			becomeReaper(t)
			target := exec.Command("unshare", "-m", "--propagation", "private", "sh", "-c", file.mount+" /etc/passwd && exec 3>&- && exec sleep 600")
			target.ExtraFiles = []*os.File{file.dev}
			var out, errs bytes.Buffer
			target.Stdout, target.Stderr = &out, &errs
			if err := target.Start(); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = target.Process.Kill(); _ = target.Wait() })
			eventually(t, "passwd is mounted", func() bool { return strings.Contains(comm(target.Process.Pid), "sleep") })
			file.hang()
			e := newBrokenEngine(t, silence) // it receives no request
			cmd := e.plugin(t, fmt.Sprintf("pid:%d", target.Process.Pid), "true")
			var said bytes.Buffer
			cmd.Stderr = &said
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			eventually(t, "the helper reads passwd", file.asked)
			if err := cmd.Process.Signal(sig); err != nil {
				t.Fatal(err)
			}
			if status := ended(t, cmd); status != 128+int(sig) {
				t.Errorf("exit status %d, want that of %v; stderr %q", status, sig, &said)
			}
			nothingLeft(t, cmd, target.Process.Pid)
		})
	}
}

// hangingFile is a file on a FUSE file system of the test's own, fuse(4).
type hangingFile struct {
	mount string   // a command that mounts it in the caller's mount namespace, if dev is descriptor 3; the path is missing
	dev   *os.File // of the server
	stop  chan struct{}
	done  chan struct{}
}

func newHangingFile(t *testing.T) *hangingFile {
	t.Helper()
	fd, err := unix.Open("/dev/fuse", unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatalf("/dev/fuse: %v", err)
	}
	f := &hangingFile{
		mount: "mount -i -t fuse -o nosuid,nodev,fd=3,rootmode=100644,user_id=0,group_id=0 hanging",
		dev:   os.NewFile(uintptr(fd), "fuse"),
		stop:  make(chan struct{}), done: make(chan struct{}), // stop is closed when no more requests are answered
	}
	t.Cleanup(func() {
		if f.stop != nil {
			f.hang()
		}
		f.dev.Close() // processes that wait get an error
	})
	go f.serve()
	return f
}

// hang makes every later access wait.
func (f *hangingFile) hang() {
	close(f.stop)
	<-f.done
	f.stop = nil
}

// asked reports whether a request waits for an answer.
func (f *hangingFile) asked() bool { return f.readable(0) }

func (f *hangingFile) readable(milliseconds int) bool {
	n, _ := unix.Poll([]unix.PollFd{{Fd: int32(f.dev.Fd()), Events: unix.POLLIN}}, milliseconds)
	return n > 0
}

// serve answers the requests of mount(2) and stat(2).
func (f *hangingFile) serve() {
	defer close(f.done)
	const initialise, getAttributes, header = 26, 3, 40
	stop := f.stop
	question := make([]byte, 1<<17)
	for {
		for !f.readable(20) {
			select {
			case <-stop:
				return
			default:
			}
		}
		n, err := unix.Read(int(f.dev.Fd()), question)
		if err != nil || n < header {
			return
		}
		body, errno := []byte(nil), -int32(unix.ENOSYS)
		switch binary.NativeEndian.Uint32(question[4:]) {
		case initialise:
			body, errno = make([]byte, 64), 0
			binary.NativeEndian.PutUint32(body, 7) // version 7.31
			binary.NativeEndian.PutUint32(body[4:], 31)
			binary.NativeEndian.PutUint32(body[20:], 4096) // max_write
		case getAttributes:
			body, errno = make([]byte, 104), 0 // not cached
			binary.NativeEndian.PutUint64(body[16:], 1)
			binary.NativeEndian.PutUint32(body[76:], unix.S_IFREG|0o644)
			binary.NativeEndian.PutUint32(body[80:], 1)
		}
		answer := binary.NativeEndian.AppendUint32(nil, uint32(16+len(body)))
		answer = binary.NativeEndian.AppendUint32(answer, uint32(errno))
		answer = append(append(answer, question[8:16]...), body...)
		if _, err := unix.Write(int(f.dev.Fd()), answer); err != nil {
			return
		}
	}
}
