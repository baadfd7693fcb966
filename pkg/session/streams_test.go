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
)

// given is what the command gets for a stream of the caller's.
type given struct {
	Callers bool   // the same open file as the caller's
	Pipe    bool   // a pipe of the helper's
	Null    bool   // the null device
	Owner   uint32 // of what it gets
}

// made is what relayed made, as its child tells it.
type made struct {
	Streams [3]given
	Shared  bool // both outputs are one pipe
	Relays  int  // of outputs
	Err     string
}

const childOwner, childInput = "NSJOIN_TEST_STREAMS_OWNER", "NSJOIN_TEST_STREAMS_INPUT"

// TestStreamsOfAChild is the child of the other tests: relayed takes the process's
// own standard streams.
func TestStreamsOfAChild(t *testing.T) {
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
	s, err := relayed(p, nullBeneath(root), owner, nil)
	if err != nil {
		_ = answer.Encode(made{Err: err.Error()})
		os.Exit(0)
	}
	m := made{Shared: s.theirs[1] == s.theirs[2], Relays: len(s.outputs)}
	for i, f := range []*os.File{os.Stdin, os.Stdout, os.Stderr} {
		fd := int(s.theirs[i].Fd())
		var st unix.Stat_t
		if err := unix.Fstat(fd, &st); err != nil {
			t.Fatal(err)
		}
		m.Streams[i] = given{
			Callers: s.theirs[i] == f || fd == i, Pipe: st.Mode&unix.S_IFMT == unix.S_IFIFO, Null: isNull(fd), Owner: st.Uid,
		}
	}
	for _, line := range []struct {
		to   *os.File
		text string
	}{{s.theirs[1], "out\n"}, {s.theirs[2], "err\n"}, {s.theirs[1], "out again\n"}} {
		if _, err := line.to.WriteString(line.text); err != nil {
			t.Fatal(err)
		}
	}
	s.input, s.linger = nil, 0 // nobody reads it
	s.start(nil, newOnce(), newOnce())
	_ = s.finish(nil, nil, 0)
	_ = answer.Encode(m)
	os.Exit(0) // before the test's own word on stdout
}

// streamsOf runs relayed in a child with the streams given.
func streamsOf(t *testing.T, owner int, input bool, streams [3]*os.File) made {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestStreamsOfAChild$")
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
	var m made
	answerErr := json.NewDecoder(r).Decode(&m)
	if err := errors.Join(cmd.Wait(), answerErr); err != nil {
		t.Fatal(err)
	}
	if m.Err != "" {
		t.Fatal(m.Err)
	}
	return m
}

// Whatever the caller's streams are, the command has none of them. The null device is the one
// beneath its root.
func TestNothingOfTheCallersIsGiven(t *testing.T) {
	fifo := filepath.Join(t.TempDir(), "fifo")
	if err := unix.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	socket, _ := sockets(t)
	_, anonymous := pipe(t)
	_, tty := terminal(t)
	for _, row := range []struct {
		name string
		f    *os.File
	}{
		{"an anonymous pipe", anonymous},
		{"a socket", socket},
		{"the null device", device(t, "/dev/null")},
		{"another device", device(t, "/dev/zero")},
		{"a regular file", create(t)},
		{"a FIFO with a name", device(t, fifo)},
		{"a terminal", tty},
	} {
		for _, input := range []bool{false, true} {
			t.Run(row.name, func(t *testing.T) {
				null := row.name == "the null device"
				m := streamsOf(t, -1, input, [3]*os.File{row.f, row.f, row.f})
				for i, got := range m.Streams {
					wantNull := [3]bool{!input, null, null}[i]
					if got.Callers || got.Null != wantNull || got.Pipe == wantNull {
						t.Errorf("stream %d, input passed on %t: %+v", i, input, got)
					}
				}
				if want := map[bool]int{true: 0, false: 1}[null]; m.Relays != want {
					t.Errorf("%d outputs are relayed, want %d", m.Relays, want)
				}
			})
		}
	}
}

func TestOutputsOfOneFileShareAPipe(t *testing.T) {
	one := create(t)
	again, err := os.OpenFile(one.Name(), os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	for name, stderr := range map[string]*os.File{"handed on": one, "opened twice": again} {
		if err := one.Truncate(0); err != nil {
			t.Fatal(err)
		}
		m := streamsOf(t, -1, false, [3]*os.File{device(t, "/dev/null"), one, stderr})
		if !m.Shared || m.Relays != 1 {
			t.Errorf("%s: shared %t, %d relays", name, m.Shared, m.Relays)
		}
		expect(t, one, "out\nerr\nout again\n") // in order
	}
}

func TestOutputsOfTwoFilesHaveAPipeEach(t *testing.T) {
	out, errs := create(t), create(t)
	m := streamsOf(t, -1, false, [3]*os.File{device(t, "/dev/null"), out, errs})
	if m.Shared || m.Relays != 2 {
		t.Errorf("shared %t, %d relays", m.Shared, m.Relays)
	}
	expect(t, out, "out\nout again\n")
	expect(t, errs, "err\n")
}

// A command that is another user opens /dev/stderr again, moby#31243. What the
// caller named stays as it is.
func TestPipesAreTheCommandsUsers(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Fatal("giving a pipe to another user takes root")
	}
	const owner = 4242
	_, w := pipe(t)
	file := create(t)
	before := ownerOf(t, w)
	m := streamsOf(t, owner, true, [3]*os.File{file, w, file})
	for i, got := range m.Streams {
		if got.Owner != owner {
			t.Errorf("stream %d is of uid %d, want %d", i, got.Owner, owner)
		}
	}
	if ownerOf(t, file) != 0 || ownerOf(t, w) != before {
		t.Error("what the caller named was given away")
	}
}

// Where the container has no null device, or something else in its place, the command
// reads the end at once, and what it writes goes nowhere.
func TestNoNullDevice(t *testing.T) {
	for name, put := range map[string]func(path string) error{
		"none":           func(string) error { return nil },
		"a file":         func(path string) error { return os.WriteFile(path, []byte("x"), 0o666) },
		"a FIFO":         func(path string) error { return unix.Mkfifo(path, 0o666) },
		"another device": func(path string) error { return unix.Mknod(path, unix.S_IFCHR|0o666, int(unix.Mkdev(1, 5))) },
		"a link out":     func(path string) error { return os.Symlink("/proc/self/fd/0", path) },
	} {
		t.Run(name, func(t *testing.T) {
			null := nullBeneath(rootWith(t, put))
			s := &streams{}
			if err := errors.Join(s.giveNull(0, null), s.giveNull(1, null), s.giveNull(2, null)); err != nil {
				t.Fatal(err)
			}
			if n, err := s.theirs[0].Read([]byte{0}); n != 0 || !errors.Is(err, io.EOF) {
				t.Errorf("it reads %d bytes, %v", n, err)
			}
			s.start(nil, newOnce(), newOnce())
			if len(s.outputs) != 2 {
				t.Errorf("%d outputs go nowhere", len(s.outputs))
			}
			for _, o := range s.outputs {
				<-o.done // its other end is closed
			}
			// Detached, nobody would read on.
			if _, err := detached(null); err == nil {
				t.Error("it is detached")
			}
		})
	}
}

// rootWith is a root directory whose /dev/null is what put puts there.
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

// A null device that is made is one, and nobody else's.
func TestMadeNullDevice(t *testing.T) {
	for _, flag := range []int{os.O_RDONLY, os.O_WRONLY} {
		f, err := madeNull(flag)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		var st unix.Stat_t
		if err := unix.Fstat(int(f.Fd()), &st); err != nil || !isNull(int(f.Fd())) || st.Mode&0o777 != 0o666 || st.Nlink != 1 {
			t.Errorf("it is %+v, %v", st, err)
		}
		var host unix.Stat_t
		if err := unix.Stat(os.DevNull, &host); err != nil || host.Dev == st.Dev {
			t.Errorf("it is on the host's file system, %v", err)
		}
	}
	own, err := orMade(nullBeneath(rootWith(t, func(string) error { return nil })))(os.O_WRONLY)
	if err != nil || !isNull(int(own.Fd())) {
		t.Errorf("in place of none: %v, %v", own, err)
	}
}
