//go:build linux

package observe

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// lockedVariable names the file that TestLocksItsMemory maps.
const lockedVariable = "NSJOIN_TEST_LOCKS_ITS_MEMORY"

// TestLocksItsMemory runs in the child process of TestHostileMemoryIsNotWaitedFor. The kernel holds the lock of
// the memory while it maps a file with direct I/O, and first writes back the file's dirty pages.
func TestLocksItsMemory(t *testing.T) {
	path := os.Getenv(lockedVariable)
	if path == "" {
		t.Skip("only runs as a child of TestHostileMemoryIsNotWaitedFor")
	}
	open := func(flags int) int {
		fd, err := unix.Open(path, unix.O_RDWR, 0)
		if err != nil {
			t.Fatal(err)
		}
		var st unix.Stat_t // the kernel asks the server for the size
		if err := unix.Fstat(fd, &st); err != nil {
			t.Fatal(err)
		}
		memory, err := unix.Mmap(fd, 0, 4096, unix.PROT_READ|unix.PROT_WRITE, flags)
		if err != nil {
			t.Fatal(err)
		}
		memory[0] = 1
		return fd
	}
	open(unix.MAP_SHARED)
	open(unix.MAP_PRIVATE)
}

// One process with locked memory used to block every ls of its host until a signal.
func TestHostileMemoryIsNotWaitedFor(t *testing.T) {
	server := serveSilently(t)
	child := exec.Command(os.Args[0], "-test.run=^TestLocksItsMemory$")
	child.Env = append(os.Environ(), lockedVariable+"="+server.path)
	var output bytes.Buffer
	child.Stdout, child.Stderr = &output, &output
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		server.end()
		_ = child.Process.Kill()
		_ = child.Wait()
	})
	ended := make(chan struct{})
	go func() {
		_ = unix.Waitid(unix.P_PID, child.Process.Pid, nil, unix.WEXITED|unix.WNOWAIT, nil)
		close(ended)
	}()
	select {
	case <-server.wrote:
	case <-ended:
		t.Fatalf("the child has ended: %s", &output)
	}
	p := openTestProcess(t, child.Process.Pid)
	for _, name := range []string{"cmdline", "environ"} {
		if text, _, err := p.readMemoryWithin(name, 100, memoryTimeout/10); !errors.Is(err, errMemoryLocked) {
			t.Errorf("%s: %q, %v; want %v", name, text, err, errMemoryLocked)
		}
	}
	// Everything else can be read at once.
	if _, err := p.readStatus(); err != nil {
		t.Error(err)
	}
	if err := p.OpenNamespaces(); err != nil {
		t.Error(err)
	}
}

// silent is a FUSE server of one file that does not answer writes, fuse(4).
type silent struct {
	path  string
	dev   *os.File
	wrote chan struct{} // closed after the first write
}

func serveSilently(t *testing.T) *silent {
	t.Helper()
	fd, err := unix.Open("/dev/fuse", unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatalf("/dev/fuse: %v", err)
	}
	s := &silent{path: filepath.Join(t.TempDir(), "file"), dev: os.NewFile(uintptr(fd), "fuse"), wrote: make(chan struct{})}
	if err := os.WriteFile(s.path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	options := fmt.Sprintf("fd=%d,rootmode=100600,user_id=0,group_id=0", fd)
	if err := unix.Mount("silent", s.path, "fuse", unix.MS_NOSUID|unix.MS_NODEV, options); err != nil {
		t.Fatalf("mount fuse: %v", err)
	}
	t.Cleanup(s.end)
	go s.serve()
	return s
}

// end ends the connection: waiting processes get an error.
func (s *silent) end() {
	_ = unix.Unmount(s.path, unix.MNT_FORCE|unix.MNT_DETACH)
	_ = s.dev.Close()
}

func (s *silent) serve() {
	const getAttributes, open, read, write, release, flush, initialise, header = 3, 14, 15, 16, 18, 25, 26, 40
	question := make([]byte, 1<<17)
	for opened := uint32(0); ; {
		n, err := unix.Read(int(s.dev.Fd()), question)
		if err != nil || n < header {
			return
		}
		body, errno := []byte(nil), int32(0)
		switch binary.NativeEndian.Uint32(question[4:]) {
		case initialise:
			body = make([]byte, 64)
			binary.NativeEndian.PutUint32(body, 7) // version 7.31
			binary.NativeEndian.PutUint32(body[4:], 31)
			binary.NativeEndian.PutUint32(body[20:], 4096) // max_write
		case getAttributes:
			body = make([]byte, 104)
			binary.NativeEndian.PutUint64(body[16:], 1)
			binary.NativeEndian.PutUint64(body[24:], 4096)
			binary.NativeEndian.PutUint32(body[76:], unix.S_IFREG|0o600)
			binary.NativeEndian.PutUint32(body[80:], 1)
		case open:
			body = make([]byte, 16)
			binary.NativeEndian.PutUint32(body[8:], opened) // the second time with FOPEN_DIRECT_IO and FOPEN_KEEP_CACHE
			opened = 3
		case read:
			body = make([]byte, 4096)
		case release, flush:
		case write:
			close(s.wrote)
			return
		default:
			errno = -int32(unix.ENOSYS)
		}
		answer := binary.NativeEndian.AppendUint32(nil, uint32(16+len(body)))
		answer = binary.NativeEndian.AppendUint32(answer, uint32(errno))
		answer = append(append(answer, question[8:16]...), body...)
		if _, err := unix.Write(int(s.dev.Fd()), answer); err != nil {
			return
		}
	}
}
