//go:build linux

package inroot_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/pkg/inroot"
)

// Opening a FIFO blocks until its other end is opened, and opening a device can trigger an action.
func TestOnlyARegularFileIsOpened(t *testing.T) {
	root := tree(t)
	at := func(name string) string { return filepath.Join(root.Name(), name) }
	for name, kind := range map[string]uint32{"fifo": unix.S_IFIFO, "socket": unix.S_IFSOCK} {
		if err := unix.Mknod(at(name), kind|0o666, 0); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("fifo", at("link")); err != nil {
		t.Fatal(err)
	}
	host, err := os.Open("/") // has devices, which the test may not be allowed to make
	if err != nil {
		t.Fatal(err)
	}
	defer host.Close()
	for _, row := range []struct {
		root          *os.File
		path, message string
	}{
		{root, "fifo", "not a regular file but a FIFO"},
		{root, "link", "not a regular file but a FIFO"},
		{root, "socket", "not a regular file but a socket"},
		{root, "etc", "not a regular file but a directory"},
		{root, "/", "not a regular file but a directory"},
		{host, "/dev/null", "not a regular file but a device"},
		{host, "/dev/zero", "not a regular file but a device"},
		{host, "/dev/tty", "not a regular file but a device"},
		{host, "/proc/version", "not an ordinary file: the kernel generates it, like those in /proc and /sys"},
		{host, "/proc/kmsg", "not an ordinary file: the kernel generates it, like those in /proc and /sys"},
		{host, "/proc/self/mountinfo", "not an ordinary file: the kernel generates it, like those in /proc and /sys"},
		{host, "/sys/kernel/uevent_seqnum", "not an ordinary file: the kernel generates it, like those in /proc and /sys"},
	} {
		opened := make(chan error, 1)
		go func() {
			f, err := inroot.OpenRegular(row.root, row.path)
			if err == nil {
				f.Close()
			}
			opened <- err
		}()
		select {
		case err := <-opened:
			if err == nil || err.Error() != row.message {
				t.Errorf("%s: %v, want %s", row.path, err, row.message)
			}
		case <-time.After(time.Minute):
			t.Fatalf("%s: it hangs", row.path)
		}
	}
}

func TestReopenOpensTheFileThatWasExamined(t *testing.T) {
	root := tree(t)
	path := filepath.Join(root.Name(), "file")
	write(t, path, "examined")
	at, err := inroot.OpenPath(root, "file")
	if err != nil {
		t.Fatal(err)
	}
	defer at.Close()
	if _, err := at.Read(make([]byte, 1)); err == nil {
		t.Error("an O_PATH descriptor can be read")
	}
	write(t, path+".new", "replacement")
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
	f, err := inroot.Reopen(at, os.O_RDONLY)
	if err != nil {
		t.Fatal(err)
	}
	if got := read(t, f); got != "examined" {
		t.Errorf("it opened the %s file", got)
	}
}

func TestReopenForWriting(t *testing.T) {
	root := tree(t)
	path := filepath.Join(root.Name(), "file")
	write(t, path, "")
	at, err := inroot.OpenPath(root, "file")
	if err != nil {
		t.Fatal(err)
	}
	defer at.Close()
	f, err := inroot.Reopen(at, os.O_WRONLY)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString("written"); err != nil {
		t.Error(err)
	}
	f.Close()
	if got, err := os.ReadFile(path); err != nil || string(got) != "written" {
		t.Errorf("the file has %q, %v", got, err)
	}
}

// The helper's open files must not leak into the program that it executes.
func TestOpenedFilesAreClosedOnExec(t *testing.T) {
	root := tree(t)
	write(t, filepath.Join(root.Name(), "file"), "")
	for name, open := range map[string]func(*os.File, string) (*os.File, error){
		"OpenPath": inroot.OpenPath, "OpenRegular": inroot.OpenRegular,
	} {
		f, err := open(root, "file")
		if err != nil {
			t.Fatal(err)
		}
		flags, err := unix.FcntlInt(f.Fd(), unix.F_GETFD, 0)
		if err != nil || flags&unix.FD_CLOEXEC == 0 {
			t.Errorf("%s: descriptor flags %#x, %v", name, flags, err)
		}
		f.Close()
	}
}
