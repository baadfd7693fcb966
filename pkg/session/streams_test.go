//go:build linux

package session

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/pkg/plan"
	"github.com/nsjoin/docker-nsjoin/pkg/stdio"
)

// childStream describes a stream that the command gets.
type childStream struct {
	Inherited bool   // the same open file as the caller's
	Pipe      bool   // a pipe of the helper's
	Null      bool   // the null device
	Owner     uint32 // its uid
}

// childStreams is what the child reports of newRelayed.
type childStreams struct {
	Streams [3]childStream
	Shared  bool // both outputs are one pipe
	Outputs int  // outputs that are copied
	Err     string
}

const childOwner, childInput = "NSJOIN_TEST_STREAMS_OWNER", "NSJOIN_TEST_STREAMS_INPUT"

// TestStreamsChild is the child of the other tests: newRelayed uses the process's standard streams.
func TestStreamsChild(t *testing.T) {
	owner, err := strconv.ParseInt(os.Getenv(childOwner), 10, 64)
	if err != nil {
		return // not the child
	}
	answer := json.NewEncoder(os.NewFile(3, "answer"))
	root, err := os.Open("/")
	if err != nil {
		t.Fatal(err)
	}
	p := &plan.Plan{Streams: plan.Streams{Input: os.Getenv(childInput) != ""}}
	s, err := newRelayed(p, containerNull(root), owner, nil)
	if err != nil {
		_ = answer.Encode(childStreams{Err: err.Error()})
		os.Exit(0)
	}
	m := childStreams{Shared: s.command[1] == s.command[2], Outputs: len(s.outputs)}
	for i, f := range []*os.File{os.Stdin, os.Stdout, os.Stderr} {
		fd := int(s.command[i].Fd())
		var st unix.Stat_t
		if err := unix.Fstat(fd, &st); err != nil {
			t.Fatal(err)
		}
		m.Streams[i] = childStream{
			Inherited: s.command[i] == f || fd == i, Pipe: st.Mode&unix.S_IFMT == unix.S_IFIFO, Null: stdio.IsNull(s.command[i]), Owner: st.Uid,
		}
	}
	for _, line := range []struct {
		to   *os.File
		text string
	}{{s.command[1], "out\n"}, {s.command[2], "err\n"}, {s.command[1], "out again\n"}} {
		if _, err := line.to.WriteString(line.text); err != nil {
			t.Fatal(err)
		}
	}
	s.input, s.linger = nil, 0 // without input
	s.start(nil, newEvent(), newEvent())
	_ = s.finish(nil, nil, 0)
	_ = answer.Encode(m)
	os.Exit(0) // before the test prints its result
}

// streamsOf calls newRelayed in a child with these standard streams.
func streamsOf(t *testing.T, owner int, input bool, streams [3]*os.File) childStreams {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestStreamsChild$")
	cmd.Env = append(os.Environ(), childOwner+"="+strconv.Itoa(owner))
	if input {
		cmd.Env = append(cmd.Env, childInput+"=1")
	}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = streams[0], streams[1], streams[2]
	cmd.ExtraFiles = []*os.File{w}
	err = cmd.Start()
	w.Close()
	if err != nil {
		t.Fatal(err)
	}
	var m childStreams
	answerErr := json.NewDecoder(r).Decode(&m)
	if err := errors.Join(cmd.Wait(), answerErr); err != nil {
		t.Fatal(err)
	}
	if m.Err != "" {
		t.Fatal(m.Err)
	}
	return m
}

// Whatever the caller's streams are, the command has none of them. The null device is the one below
// its root.
func TestCommandGetsNoStreamOfTheCaller(t *testing.T) {
	fifo := filepath.Join(t.TempDir(), "fifo")
	if err := unix.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	socket, _ := socketPair(t)
	_, anonymous := pipe(t)
	_, tty := openTestTerminal(t)
	for _, row := range []struct {
		name string
		f    *os.File
	}{
		{"an anonymous pipe", anonymous},
		{"a socket", socket},
		{"the null device", openDevice(t, "/dev/null")},
		{"another device", openDevice(t, "/dev/zero")},
		{"a regular file", createAppendFile(t)},
		{"a FIFO with a name", openDevice(t, fifo)},
		{"a terminal", tty},
	} {
		for _, input := range []bool{false, true} {
			t.Run(row.name, func(t *testing.T) {
				null := row.name == "the null device"
				m := streamsOf(t, -1, input, [3]*os.File{row.f, row.f, row.f})
				for i, got := range m.Streams {
					wantNull := [3]bool{!input, null, null}[i]
					if got.Inherited || got.Null != wantNull || got.Pipe == wantNull {
						t.Errorf("stream %d, with input %t: %+v", i, input, got)
					}
				}
				if want := map[bool]int{true: 0, false: 1}[null]; m.Outputs != want {
					t.Errorf("%d outputs are copied, want %d", m.Outputs, want)
				}
			})
		}
	}
}

func TestOutputsToOneFileShareAPipe(t *testing.T) {
	file := createAppendFile(t)
	reopened, err := os.OpenFile(file.Name(), os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer reopened.Close()
	for name, stderr := range map[string]*os.File{"duplicated": file, "opened twice": reopened} {
		if err := file.Truncate(0); err != nil {
			t.Fatal(err)
		}
		m := streamsOf(t, -1, false, [3]*os.File{openDevice(t, "/dev/null"), file, stderr})
		if !m.Shared || m.Outputs != 1 {
			t.Errorf("%s: shared %t, %d outputs", name, m.Shared, m.Outputs)
		}
		expectContent(t, file, "out\nerr\nout again\n") // in order
	}
}

func TestOutputsToTwoFilesHaveTwoPipes(t *testing.T) {
	out, errs := createAppendFile(t), createAppendFile(t)
	m := streamsOf(t, -1, false, [3]*os.File{openDevice(t, "/dev/null"), out, errs})
	if m.Shared || m.Outputs != 2 {
		t.Errorf("shared %t, %d outputs", m.Shared, m.Outputs)
	}
	expectContent(t, out, "out\nout again\n")
	expectContent(t, errs, "err\n")
}

// A command of another user can open /dev/stderr again (moby#31243). The owner of the caller's own
// files does not change.
func TestPipesBelongToTheCommandsUser(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Fatal("this test needs root, to change the owner of a pipe")
	}
	const owner = 4242
	_, w := pipe(t)
	file := createAppendFile(t)
	before := fileOwner(t, w)
	m := streamsOf(t, owner, true, [3]*os.File{file, w, file})
	for i, got := range m.Streams {
		if got.Owner != owner {
			t.Errorf("stream %d belongs to uid %d, want %d", i, got.Owner, owner)
		}
	}
	if fileOwner(t, file) != 0 || fileOwner(t, w) != before {
		t.Error("the owner of a file of the caller's has changed")
	}
}

// If the container's /dev/null is missing or something else, the command reads end of file, and
// what it writes is discarded.
func TestContainerWithoutNullDevice(t *testing.T) {
	for name, put := range map[string]func(path string) error{
		"none":           func(string) error { return nil },
		"a file":         func(path string) error { return os.WriteFile(path, []byte("x"), 0o666) },
		"a FIFO":         func(path string) error { return unix.Mkfifo(path, 0o666) },
		"another device": func(path string) error { return unix.Mknod(path, unix.S_IFCHR|0o666, int(unix.Mkdev(1, 5))) },
		"a link out":     func(path string) error { return os.Symlink("/proc/self/fd/0", path) },
	} {
		t.Run(name, func(t *testing.T) {
			null := containerNull(rootWith(t, put))
			s := &streams{}
			if err := errors.Join(s.makeNull(0, null), s.makeNull(1, null), s.makeNull(2, null)); err != nil {
				t.Fatal(err)
			}
			if n, err := s.command[0].Read([]byte{0}); n != 0 || !errors.Is(err, io.EOF) {
				t.Errorf("the command reads %d bytes, %v", n, err)
			}
			s.start(nil, newEvent(), newEvent())
			if len(s.outputs) != 2 {
				t.Errorf("%d outputs are discarded, want 2", len(s.outputs))
			}
			for _, o := range s.outputs {
				<-o.done // the command's end was closed by start
			}
			// A detached command has nothing that would read its output.
			if _, err := newDetached(null); err == nil {
				t.Error("newDetached accepts the file")
			}
		})
	}
}

// rootWith makes a root directory and calls put with the path of its /dev/null.
func rootWith(t *testing.T, put func(path string) error) *os.File {
	t.Helper()
	dir := t.TempDir()
	if err := errors.Join(os.Mkdir(filepath.Join(dir, "dev"), 0o755), put(filepath.Join(dir, "dev/null"))); err != nil {
		t.Fatal(err)
	}
	root, err := os.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { root.Close() })
	return root
}

// A created null device is on a file system of its own.
func TestCreateNullDevice(t *testing.T) {
	for _, flag := range []int{os.O_RDONLY, os.O_WRONLY} {
		f, err := createNull(flag)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		var st unix.Stat_t
		if err := unix.Fstat(int(f.Fd()), &st); err != nil || !stdio.IsNull(f) || st.Mode&0o777 != 0o666 || st.Nlink != 1 {
			t.Errorf("the created file is %+v, %v", st, err)
		}
		var host unix.Stat_t
		if err := unix.Stat(os.DevNull, &host); err != nil || host.Dev == st.Dev {
			t.Errorf("it is on the host's file system; %v", err)
		}
	}
	fallback, err := orCreateNull(containerNull(rootWith(t, func(string) error { return nil })))(os.O_WRONLY)
	if err != nil || !stdio.IsNull(fallback) {
		t.Errorf("without /dev/null: %v, %v", fallback, err)
	}
}
