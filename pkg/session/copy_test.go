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

func socketPair(t *testing.T) (a, b *os.File) {
	t.Helper()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	a, b = os.NewFile(uintptr(fds[0]), "socket"), os.NewFile(uintptr(fds[1]), "socket")
	t.Cleanup(func() { a.Close(); b.Close() })
	return a, b
}

// createFile makes a regular file without O_APPEND.
func createFile(t *testing.T) *os.File {
	t.Helper()
	f, err := os.Create(filepath.Join(t.TempDir(), "file"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

func readAllInBackground(f *os.File) <-chan string {
	all := make(chan string, 1)
	go func() {
		text, _ := io.ReadAll(f) // EIO: the terminal's other end is closed
		all <- string(text)
	}()
	return all
}

func wait(t *testing.T, what string, text <-chan string) string {
	t.Helper()
	select {
	case got := <-text:
		return got
	case <-time.After(30 * time.Second):
		t.Fatalf("%s: timeout", what)
		return ""
	}
}

func TestOutputReachesEveryKindOfFile(t *testing.T) {
	want := strings.Repeat("0123456789abcde\n", 1<<16) // 1 MiB
	regular, appended := createFile(t), createAppendFile(t)
	socketEnd, toSocket := socketPair(t)
	ptyEnd, toTerminal := openTestTerminal(t)
	makeRaw(t, toTerminal)
	for _, row := range []struct {
		name string
		to   *os.File
		end  *os.File // where to read it; nil for a file that is read by its name
	}{
		{"a file", regular, nil},
		{"a file that is appended to", appended, nil},
		{"a socket", toSocket, socketEnd},
		{"a terminal", toTerminal, ptyEnd},
		{"nowhere", openDevice(t, "/dev/null"), nil},
	} {
		var got <-chan string
		if row.end != nil {
			got = readAllInBackground(row.end)
		}
		from, command := pipe(t)
		s := &streams{outputs: []*output{{from: from, to: outputTo(row.to)}}}
		s.start(nil, newEvent(), newEvent())
		if _, err := command.WriteString(want); err != nil {
			t.Fatal(err)
		}
		command.Close()
		<-s.outputs[0].done
		finish(t, s)
		switch {
		case row.end != nil:
			row.to.Close()
			if text := wait(t, row.name, got); text != want {
				t.Errorf("%s: got %d bytes, want %d", row.name, len(text), len(want))
			}
		case row.to.Name() != "/dev/null":
			expectContent(t, row.to, want)
		}
	}
}

// Output that cannot be written is an error for the user.
func TestOutputToFullDisk(t *testing.T) {
	full := filepath.Join(t.TempDir(), "full")
	if err := os.Mkdir(full, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mount("full", full, "tmpfs", 0, "size=4k"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Unmount(full, unix.MNT_DETACH) })
	written, err := os.Create(filepath.Join(full, "file"))
	if err != nil {
		t.Fatal(err)
	}
	defer written.Close()
	appended, err := os.OpenFile(filepath.Join(full, "appended"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	defer appended.Close()
	for _, file := range []*os.File{written, appended, openDevice(t, "/dev/full")} {
		from, command := pipe(t)
		s := &streams{outputs: []*output{{from: from, to: outputTo(file)}}}
		s.start(nil, newEvent(), newEvent())
		if _, err := command.Write(make([]byte, 64<<10)); err != nil {
			t.Fatal(err)
		}
		command.Close()
		if err := s.finish(nil, nil, 0); !errors.Is(err, unix.ENOSPC) {
			t.Errorf("%s: %v, want %v", file.Name(), err, unix.ENOSPC)
		}
	}
}

func makeRaw(t *testing.T, tty *os.File) {
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

func TestInputEndsWhenCommandStopsReading(t *testing.T) {
	from := openDevice(t, "/dev/zero")
	command, w := pipe(t)
	r := newTestInput(from, w)
	command.Close()
	done := make(chan string, 1)
	go func() { r.run(); done <- "" }()
	wait(t, "the relay", done)
	if _, err := w.WriteString("x"); !errors.Is(err, os.ErrClosed) {
		t.Errorf("the command's input is not closed: %v", err)
	}
}
