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
)

// What the command gets for a stream of the caller's.
type given struct {
	Same  bool   // the caller's own
	Pipe  bool   // a pipe of the helper's
	Owner uint32 // of what it gets
}

// guarded is what guard made, as its child tells it.
type guarded struct {
	Streams [3]given
	Shared  bool // both outputs are one pipe
	Relays  int  // of outputs
	Err     string
}

const childOwner = "NSJOIN_TEST_GUARD_OWNER"

// TestGuardOfAChild is the child of the other tests: guard takes the process's
// own standard streams.
func TestGuardOfAChild(t *testing.T) {
	owner, err := strconv.ParseInt(os.Getenv(childOwner), 10, 64)
	if err != nil {
		return // not the child
	}
	answer := json.NewEncoder(os.NewFile(3, "answer"))
	s, err := guard(owner, false)
	if err != nil {
		_ = answer.Encode(guarded{Err: err.Error()})
		os.Exit(0)
	}
	made := guarded{Shared: s.theirs[1] == s.theirs[2], Relays: len(s.outputs)}
	for i, f := range []*os.File{os.Stdin, os.Stdout, os.Stderr} {
		var st unix.Stat_t
		if err := unix.Fstat(int(s.theirs[i].Fd()), &st); err != nil {
			t.Fatal(err)
		}
		made.Streams[i] = given{
			Same: s.theirs[i] == f, Pipe: s.theirs[i] != f && st.Mode&unix.S_IFMT == unix.S_IFIFO, Owner: st.Uid,
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
	s.input = nil // nobody reads it
	s.start(nil, newOnce(), newOnce())
	_ = s.finish()
	_ = answer.Encode(made)
	os.Exit(0) // before the test's own word on stdout
}

// guardOf runs guard in a child with the streams given.
func guardOf(t *testing.T, owner int, streams [3]*os.File) guarded {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestGuardOfAChild$")
	cmd.Env = append(os.Environ(), childOwner+"="+strconv.Itoa(owner))
	cmd.Stdin, cmd.Stdout, cmd.Stderr = streams[0], streams[1], streams[2]
	cmd.ExtraFiles = []*os.File{w}
	err = cmd.Start()
	w.Close()
	if err != nil {
		t.Fatal(err)
	}
	var made guarded
	answerErr := json.NewDecoder(r).Decode(&made)
	if err := errors.Join(cmd.Wait(), answerErr); err != nil {
		t.Fatal(err)
	}
	return made
}

func TestStreamsAsTheyAreOrBehindAPipe(t *testing.T) {
	regular := create(t)
	fifo := filepath.Join(t.TempDir(), "fifo")
	if err := unix.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	sockets, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	socket, peer := os.NewFile(uintptr(sockets[0]), "socket"), os.NewFile(uintptr(sockets[1]), "socket")
	defer peer.Close()
	_, anonymous := pipe(t)
	_, terminal := terminal(t)
	for _, row := range []struct {
		name string
		f    *os.File
		as   bool
	}{
		{"an anonymous pipe", anonymous, true},
		{"a socket", socket, true},
		{"the null device", device(t, "/dev/null"), true},
		{"another device", device(t, "/dev/zero"), false},
		{"a regular file", regular, false},
		{"a FIFO with a name", device(t, fifo), false},
		{"a terminal", terminal, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			made := guardOf(t, -1, [3]*os.File{row.f, row.f, row.f})
			if made.Err != "" {
				t.Fatal(made.Err)
			}
			for i, got := range made.Streams {
				if got.Same != row.as || got.Pipe == row.as {
					t.Errorf("stream %d: the caller's own %t, a pipe %t", i, got.Same, got.Pipe)
				}
			}
			if want := map[bool]int{true: 0, false: 1}[row.as]; made.Relays != want {
				t.Errorf("%d outputs are relayed, want %d", made.Relays, want)
			}
		})
	}
	socket.Close()
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
		made := guardOf(t, -1, [3]*os.File{device(t, "/dev/null"), one, stderr})
		if made.Err != "" || !made.Shared || made.Relays != 1 {
			t.Errorf("%s: shared %t, %d relays, %s", name, made.Shared, made.Relays, made.Err)
		}
		expect(t, one, "out\nerr\nout again\n") // in order
	}
}

func TestOutputsOfTwoFilesHaveAPipeEach(t *testing.T) {
	out, errs := create(t), create(t)
	made := guardOf(t, -1, [3]*os.File{device(t, "/dev/null"), out, errs})
	if made.Err != "" || made.Shared || made.Relays != 2 {
		t.Errorf("shared %t, %d relays, %s", made.Shared, made.Relays, made.Err)
	}
	expect(t, out, "out\nout again\n")
	expect(t, errs, "err\n")
}

// A pipe beside a file: only the file is put behind another.
func TestEachStreamIsJudgedAlone(t *testing.T) {
	r, w := pipe(t)
	errs := create(t)
	made := guardOf(t, -1, [3]*os.File{errs, w, errs})
	w.Close()
	if want := [3]bool{false, true, false}; made.Streams[0].Same != want[0] || made.Streams[1].Same != want[1] ||
		made.Streams[2].Same != want[2] || made.Shared {
		t.Errorf("%+v", made)
	}
	if got, err := io.ReadAll(r); err != nil || string(got) != "out\nout again\n" {
		t.Errorf("the pipe gets %q, %v", got, err)
	}
	expect(t, errs, "err\n")
}

// A command that is another user opens /dev/stderr again, moby#31243. What the
// caller named stays his.
func TestPipesAreTheCommandsUsers(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Fatal("giving a pipe to another user takes root")
	}
	const owner = 4242
	_, w := pipe(t)
	null, file := device(t, "/dev/null"), create(t)
	before := ownerOf(t, null)
	made := guardOf(t, owner, [3]*os.File{null, w, file})
	if got := made.Streams; got[0].Owner != before || got[1].Owner != owner || got[2].Owner != owner {
		t.Errorf("the owners are %d, %d and %d, want %d, %d and %[5]d",
			got[0].Owner, got[1].Owner, got[2].Owner, before, owner)
	}
	if got := ownerOf(t, file); got != 0 {
		t.Errorf("the caller's file is given to %d", got)
	}
}
