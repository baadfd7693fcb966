//go:build linux

package session

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// sockets are a connected pair.
func sockets(t *testing.T) (a, b *os.File) {
	t.Helper()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	a, b = os.NewFile(uintptr(fds[0]), "socket"), os.NewFile(uintptr(fds[1]), "socket")
	t.Cleanup(func() { a.Close(); b.Close() })
	return a, b
}

// overwritten makes a regular file, of those that the kernel can splice to.
func overwritten(t *testing.T) *os.File {
	t.Helper()
	f, err := os.Create(filepath.Join(t.TempDir(), "file"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

// collect reads f to its end in the background.
func collect(f *os.File) <-chan string {
	all := make(chan string, 1)
	go func() {
		text, _ := io.ReadAll(f) // EIO is a terminal's end
		all <- string(text)
	}()
	return all
}

func within(t *testing.T, what string, text <-chan string) string {
	t.Helper()
	select {
	case got := <-text:
		return got
	case <-time.After(30 * time.Second):
		t.Fatalf("%s: it hangs", what)
		return ""
	}
}

// What a command writes arrives whole, whether the kernel can move it or not.
func TestOutputReachesEveryKindOfFile(t *testing.T) {
	want := strings.Repeat("0123456789abcde\n", 1<<16) // 1 MiB
	regular, appended := overwritten(t), create(t)
	socketEnd, toSocket := sockets(t)
	ptyEnd, toTerminal := terminal(t)
	raw(t, toTerminal)
	for _, row := range []struct {
		name string
		to   *os.File
		end  *os.File // nil for a file that is read by its name
	}{
		{"a file", regular, nil},
		{"a file that is appended to", appended, nil},
		{"a socket", toSocket, socketEnd},
		{"a terminal", toTerminal, ptyEnd},
		{"nowhere", device(t, "/dev/null"), nil},
	} {
		var got <-chan string
		if row.end != nil {
			got = collect(row.end)
		}
		from, theirs := pipe(t)
		s := &streams{outputs: []*output{{from: from, to: to(row.to)}}}
		s.start(nil, newOnce(), newOnce())
		if _, err := theirs.WriteString(want); err != nil {
			t.Fatal(err)
		}
		theirs.Close()
		<-s.outputs[0].done
		finished(t, s)
		switch {
		case row.end != nil:
			row.to.Close()
			if text := within(t, row.name, got); text != want {
				t.Errorf("%s: %d bytes arrive of %d", row.name, len(text), len(want))
			}
		case row.to.Name() != "/dev/null":
			expect(t, row.to, want)
		}
	}
}

// What finds no place is lost, and the user is told so.
func TestOutputToAFullDisk(t *testing.T) {
	full := filepath.Join(t.TempDir(), "full")
	if err := os.Mkdir(full, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mount("full", full, "tmpfs", 0, "size=4k"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Unmount(full, unix.MNT_DETACH) })
	spliced, err := os.Create(filepath.Join(full, "file"))
	if err != nil {
		t.Fatal(err)
	}
	defer spliced.Close()
	copied, err := os.OpenFile(filepath.Join(full, "appended"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	defer copied.Close()
	for _, file := range []*os.File{spliced, copied, device(t, "/dev/full")} {
		from, theirs := pipe(t)
		s := &streams{outputs: []*output{{from: from, to: to(file)}}}
		s.start(nil, newOnce(), newOnce())
		if _, err := theirs.Write(make([]byte, 64<<10)); err != nil {
			t.Fatal(err)
		}
		theirs.Close()
		if err := s.finish(nil, nil, 0); !errors.Is(err, unix.ENOSPC) {
			t.Errorf("%s: %v, want %v", file.Name(), err, unix.ENOSPC)
		}
	}
}

// raw has a terminal pass bytes on as they are.
func raw(t *testing.T, tty *os.File) {
	t.Helper()
	termios, err := unix.IoctlGetTermios(int(tty.Fd()), unix.TCGETS)
	if err != nil {
		t.Fatal(err)
	}
	termios.Oflag &^= unix.OPOST
	termios.Lflag &^= unix.ECHO | unix.ICANON | unix.ISIG
	if err := unix.IoctlSetTermios(int(tty.Fd()), unix.TCSETS, termios); err != nil {
		t.Fatal(err)
	}
}

// A command that doesn't read more than it wants ends our input, not us.
func TestInputOfACommandThatStopsReading(t *testing.T) {
	from := device(t, "/dev/zero")
	theirs, w := pipe(t)
	r := inputOf(from, w)
	theirs.Close()
	done := make(chan string, 1)
	go func() { r.run(); done <- "" }()
	within(t, "the relay", done)
	if _, err := w.WriteString("x"); !errors.Is(err, os.ErrClosed) {
		t.Errorf("its end is not closed: %v", err)
	}
}
