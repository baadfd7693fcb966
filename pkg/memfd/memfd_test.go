//go:build linux

package memfd

import (
	"errors"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func TestSealedFileCantBeChanged(t *testing.T) {
	program := sealedFile(t, "#!/bin/sh\n")
	if _, err := program.WriteAt([]byte("x"), 0); !errors.Is(err, unix.EPERM) {
		t.Errorf("write: %v, want %v", err, unix.EPERM)
	}
	for _, size := range []int64{0, 4096} {
		if err := program.Truncate(size); !errors.Is(err, unix.EPERM) {
			t.Errorf("truncate to %d: %v, want %v", size, err, unix.EPERM)
		}
	}
	again, err := os.OpenFile(link(program), os.O_WRONLY, 0)
	if err == nil {
		defer again.Close()
		if _, err := again.WriteString("x"); !errors.Is(err, unix.EPERM) {
			t.Errorf("write to the file opened again: %v, want %v", err, unix.EPERM)
		}
	}
	if err := seal(program, func() {}); !errors.Is(err, unix.EPERM) {
		t.Errorf("seal it another time: %v, want %v: the seals are sealed too", err, unix.EPERM)
	}
	text, err := io.ReadAll(io.NewSectionReader(program, 0, 1<<10))
	if err != nil || string(text) != "#!/bin/sh\n" {
		t.Errorf("it holds %q, %v", text, err)
	}
}

func TestMemoryFileRuns(t *testing.T) {
	truth, err := os.ReadFile("/bin/true")
	if err != nil {
		t.Fatal(err)
	}
	program := sealedFile(t, string(truth))
	// A file that is open for writing can't be executed, so it is opened again.
	again, err := os.Open(link(program))
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	program.Close()
	if err := exec.CommandContext(t.Context(), link(again)).Run(); err != nil {
		t.Errorf("run it: %v", err)
	}
}

func TestMemoryFileStaysWithUs(t *testing.T) {
	f, err := Create("request", unix.MFD_NOEXEC_SEAL)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	flags, err := unix.FcntlInt(f.Fd(), unix.F_GETFD, 0)
	if err != nil || flags&unix.FD_CLOEXEC == 0 {
		t.Errorf("its descriptor has the flags %#x, %v: not closed on exec", flags, err)
	}
}

func TestMemoryFileWithAFlagThatNoKernelKnows(t *testing.T) {
	f, err := Create("request", 1<<20)
	if err != nil {
		t.Fatalf("an old kernel doesn't know MFD_EXEC, and this one not the flag given: %v", err)
	}
	f.Close()
}

func sealedFile(t *testing.T, content string) *os.File {
	t.Helper()
	f, err := Sealed("program", unix.MFD_EXEC, writes(content))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

// A page of the file is in a pipe, where splice(2) put it. The kernel then counts one more reference to the page,
// waits, and returns EBUSY.
func TestNewFileWhereAPageStaysInUse(t *testing.T) {
	made := 0
	f, err := sealed("program", unix.MFD_EXEC, func(f *os.File) error {
		if err := writes("text")(f); err != nil {
			return err
		}
		if made++; made == 1 {
			pin(t, f)
		}
		return nil
	}, func() {})
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if made != 2 {
		t.Errorf("%d files made, want 2", made)
	}
	holds(t, f, "text")
}

func TestSameFileOncePageIsReleased(t *testing.T) {
	made, waited := 0, 0
	var release func()
	f, err := sealed("program", unix.MFD_EXEC, func(f *os.File) error {
		if err := writes("text")(f); err != nil {
			return err
		}
		made++
		release = mapWritable(t, f)
		return nil
	}, func() {
		if waited++; waited == tries-1 {
			release()
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if made != 1 || waited != tries-1 {
		t.Errorf("%d files made after %d pauses, want 1 after %d", made, waited, tries-1)
	}
	holds(t, f, "text")
}

func TestErrorWhereEveryFileStaysInUse(t *testing.T) {
	before := descriptors(t)
	made, waited := 0, 0
	f, err := sealed("program", unix.MFD_EXEC, func(f *os.File) error {
		made++
		if err := writes("text")(f); err != nil {
			return err
		}
		mapWritable(t, f)
		return nil
	}, func() { waited++ })
	if f != nil || !errors.Is(err, unix.EBUSY) {
		t.Fatalf("%v, %v; want no file and %v", f, err, unix.EBUSY)
	}
	if want := "seal memory file program: device or resource busy"; err.Error() != want {
		t.Errorf("%q, want %q", err, want)
	}
	if made != files || waited != files*(tries-1) {
		t.Errorf("%d files made and %d pauses, want %d and %d", made, waited, files, files*(tries-1))
	}
	if after := descriptors(t); after != before {
		t.Errorf("%d descriptors are open, %d before", after, before)
	}
}

func TestOtherErrorsAreFinal(t *testing.T) {
	made := 0
	_, err := Sealed("program", unix.MFD_EXEC, func(f *os.File) error {
		made++
		_, err := unix.FcntlInt(f.Fd(), unix.F_ADD_SEALS, unix.F_SEAL_SEAL)
		return err
	})
	if !errors.Is(err, unix.EPERM) || made != 1 {
		t.Errorf("%v after %d files, want %v after 1", err, made, unix.EPERM)
	}
	full := errors.New("no space")
	before := descriptors(t)
	if _, err := Sealed("program", unix.MFD_EXEC, func(*os.File) error { return full }); !errors.Is(err, full) {
		t.Errorf("%v, want %v", err, full)
	}
	if after := descriptors(t); after != before {
		t.Errorf("%d descriptors are open, %d before", after, before)
	}
}

func writes(text string) func(*os.File) error {
	return func(f *os.File) error {
		_, err := f.WriteString(text)
		return err
	}
}

// holds checks that f has the text and that nobody can change it.
func holds(t *testing.T, f *os.File, want string) {
	t.Helper()
	text, err := io.ReadAll(io.NewSectionReader(f, 0, 1<<10))
	if err != nil || string(text) != want {
		t.Errorf("it holds %q, %v; want %q", text, err, want)
	}
	if _, err := f.WriteAt([]byte("x"), 0); !errors.Is(err, unix.EPERM) {
		t.Errorf("write: %v, want %v", err, unix.EPERM)
	}
}

// pin holds the first page of f until the test ends.
func pin(t *testing.T, f *os.File) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close(); w.Close() })
	var start int64
	if n, err := unix.Splice(int(f.Fd()), &start, int(w.Fd()), nil, 4, 0); n != 4 || err != nil {
		t.Fatalf("splice: %d, %v", n, err)
	}
}

// mapWritable maps f until the test ends, or the function it returns is called.
func mapWritable(t *testing.T, f *os.File) func() {
	t.Helper()
	m, err := unix.Mmap(int(f.Fd()), 0, 4, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		t.Fatal(err)
	}
	mapped := true
	release := func() {
		if mapped {
			mapped = false
			if err := unix.Munmap(m); err != nil {
				t.Error(err)
			}
		}
	}
	t.Cleanup(release)
	return release
}

func descriptors(t *testing.T) int {
	t.Helper()
	open, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, e := range open {
		if to, err := os.Readlink("/proc/self/fd/" + e.Name()); err == nil && strings.HasPrefix(to, "/memfd:") {
			n++
		}
	}
	return n
}

func link(f *os.File) string { return "/proc/self/fd/" + strconv.Itoa(int(f.Fd())) }
