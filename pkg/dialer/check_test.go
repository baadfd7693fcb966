//go:build linux

package dialer

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"runtime"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/pkg/join"
	"github.com/nsjoin/docker-nsjoin/pkg/plan"
	"github.com/nsjoin/docker-nsjoin/pkg/request"
	"github.com/nsjoin/docker-nsjoin/pkg/sockets/client"
	"github.com/nsjoin/docker-nsjoin/pkg/sockets/message"
	"github.com/nsjoin/docker-nsjoin/pkg/sockets/passing"
	"github.com/nsjoin/docker-nsjoin/pkg/sockets/passing/lingertest"
)

// checker returns a dialer whose container has this process's network.
func checker(t *testing.T) *Dialer {
	t.Helper()
	fd := madeSocket(t, unix.AF_UNIX, unix.SOCK_STREAM)
	number, err := cookie(fd)
	if err != nil || number == 0 {
		t.Skipf("no SO_NETNS_COOKIE: %v", err)
	}
	return &Dialer{Plan: &plan.Plan{Target: "web"}, cookie: number, ended: make(chan struct{})}
}

func madeSocket(t *testing.T, family, typ int) int {
	t.Helper()
	fd, err := unix.Socket(family, typ|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	return fd
}

// TestForgedDescriptors passes what is no UNIX socket of the container's network: the dialer ends.
func TestForgedDescriptors(t *testing.T) {
	null, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	listening := madeSocket(t, unix.AF_UNIX, unix.SOCK_STREAM)
	if err := errors.Join(unix.Bind(listening, &unix.SockaddrUnix{Name: ""}), unix.Listen(listening, 1)); err != nil {
		t.Fatal(err)
	}
	elsewhere := make(chan int)
	go func() {
		runtime.LockOSThread() // the thread ends with the function
		if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
			elsewhere <- -1
			return
		}
		fd, _ := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
		elsewhere <- fd
	}()
	foreign := <-elsewhere
	if foreign < 0 {
		t.Fatal("needs root")
	}
	defer unix.Close(foreign)
	for what, fd := range map[string]int{
		"a file": int(null.Fd()), "nothing": -1,
		"TCP": madeSocket(t, unix.AF_INET, unix.SOCK_STREAM), "netlink": madeSocket(t, unix.AF_NETLINK, unix.SOCK_RAW),
		"another type": madeSocket(t, unix.AF_UNIX, unix.SOCK_DGRAM), "one that listens": listening, "another network": foreign,
	} {
		d := checker(t)
		if err := d.check(fd, unix.SOCK_STREAM, false); err == nil || !d.isEnded() || d.Err() == nil {
			t.Errorf("%s is taken: %v", what, err)
		}
	}
	d := checker(t)
	if err := d.check(madeSocket(t, unix.AF_UNIX, unix.SOCK_STREAM), unix.SOCK_STREAM, false); err != nil {
		t.Error(err)
	}
	if err := d.check(listening, unix.SOCK_STREAM, true); err != nil {
		t.Error(err)
	}
}

// What a process of the container has put where the socket's directory was ends the dialer. Nothing waits for it, even if its
// close(2) does.
func TestForgedDirectory(t *testing.T) {
	dir, err := os.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for what, fd := range map[string]int{"a socket that lingers": lingertest.Socket(t), "a directory that is open for reading": int(dir.Fd())} {
		d := checker(t)
		taken := &join.Taken{Socket: -1, Directory: fd}
		refused := make(chan error)
		go func() {
			_, err := d.guard(taken, madeSocket(t, unix.AF_UNIX, unix.SOCK_STREAM), "/run/x")
			refused <- err
		}()
		select {
		case err := <-refused:
			if _, forged := errors.AsType[*ForgedError](err); !forged || !d.isEnded() || taken.Directory != fd {
				t.Errorf("%s: %v", what, err)
			}
		case <-time.After(time.Minute):
			t.Fatal(what + " is waited for")
		}
	}
}

// TestUnlinkRemovesOnlyTheSocket replaces a bound socket's file: it stays.
func TestUnlinkRemovesOnlyTheSocket(t *testing.T) {
	path := t.TempDir()
	t.Chdir(path)
	dir, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer dir.Close()
	bind := func() *boundFile {
		fd := madeSocket(t, unix.AF_UNIX, unix.SOCK_STREAM)
		if err := unix.Bind(fd, &unix.SockaddrUnix{Name: "s"}); err != nil {
			t.Fatal(err)
		}
		f := &boundFile{dir: dir, name: "s"}
		if err := f.identify(fd); err != nil {
			t.Fatal(err)
		}
		return f
	}
	if err := bind().unlink(); err != nil {
		t.Error(err)
	}
	f := bind()
	if err := errors.Join(os.Rename("s", "other"), os.WriteFile("s", nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	if err := f.unlink(); !errors.Is(err, unix.ESTALE) {
		t.Errorf("another file: %v", err)
	}
	if err := errors.Join(os.Remove("s"), os.Symlink("other", "s")); err != nil {
		t.Fatal(err)
	}
	if err := f.unlink(); !errors.Is(err, unix.ESTALE) {
		t.Errorf("a link: %v", err)
	}
}

// The client learns why the dialer has ended: that the container has, or what a process there has done.
func TestClientLearnsWhyItEnds(t *testing.T) {
	for _, attack := range []error{nil, errors.New("its type is wrong")} {
		ours, theirs, err := passing.Pair()
		if err != nil {
			t.Fatal(err)
		}
		d, served := checker(t), make(chan error, 1)
		go func() { served <- d.Serve(theirs) }()
		n, err := client.OpenLocal(t.Context(), ours, func() error { return nil })
		if err != nil {
			t.Fatal(err)
		}
		if attack == nil {
			d.fail(nil)
		} else {
			_ = d.forged(attack)
		}
		<-n.Gone()
		_, refused := errors.AsType[*client.RefusedError](n.Err())
		if err := <-served; refused != (attack != nil) || (err != nil) != refused || refused && n.Err().Error() != err.Error() {
			t.Errorf("%v: the client learns %v, the helper ends with %v", attack, n.Err(), err)
		}
	}
	// One that is killed says nothing.
	ours, theirs, err := passing.Pair()
	if err != nil {
		t.Fatal(err)
	}
	if err := passing.Send(theirs, []byte("{}"), nil); err != nil {
		t.Fatal(err)
	}
	n, err := client.OpenLocal(t.Context(), ours, func() error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	theirs.Close()
	if err := n.Err(); !errors.Is(err, client.ErrHelperEnded) {
		t.Error(err)
	}
}

// Clients of a server that accepts nothing hold up no other question, and more than some are refused at once.
func TestQuestionsBehindASocketThatIsStuck(t *testing.T) {
	ours, theirs, err := passing.Pair()
	if err != nil {
		t.Fatal(err)
	}
	defer ours.Close()
	d, served := checker(t), make(chan error, 1)
	d.request = &request.Request{Forward: &request.Forward{Unix: true}}
	d.unix.init()
	d.unix.planed = &unixPlan{}
	d.unix.waitForAll() // all places are taken
	go func() { served <- d.Serve(theirs) }()
	const questions = maxUnix + 64
	for i := range questions + 1 {
		q := message.Question{ID: uint64(i + 1), Do: message.Connect, Path: "/s", Type: unix.SOCK_STREAM}
		if i == questions {
			q.Do = "another"
		}
		text, err := json.Marshal(q)
		if err == nil {
			err = passing.Send(ours, text, nil)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	_ = ours.SetReadDeadline(time.Now().Add(5 * time.Second)) // less than unixTimeout
	refused := 0
	for buf := make([]byte, passing.MaxMessage); ; {
		n, _, err := passing.Receive(ours, buf)
		if err != nil {
			t.Fatalf("after %d refusals: %v", refused, err)
		}
		var a message.Answer
		if err := json.Unmarshal(buf[:n], &a); err != nil {
			t.Fatal(err)
		}
		if unix.Errno(a.Errno) == unix.EAGAIN {
			refused++
		}
		if a.ID == questions+1 {
			break
		}
	}
	if refused != questions-maxUnix {
		t.Errorf("%d are refused", refused)
	}
	d.fail(nil)
	if err := <-served; err != nil {
		t.Error(err)
	}
}

// A server that accepts nothing does not hold up the others of its container.
func TestServerThatIsStuck(t *testing.T) {
	var u unixSide
	u.init()
	over := make(chan struct{})
	close(over)
	var leave []func()
	enter := func(path string, calls int) {
		for range calls {
			f := u.enter(path, nil, nil)
			leave = append(leave, f)
		}
	}
	enter("/stuck", 1+maxMore)
	if u.enter("/stuck", over, nil) != nil || u.enter("/stuck", nil, over) != nil {
		t.Error("one path has more than its share")
	}
	// Others have a place each, however many servers are stuck.
	for i := range maxPaths - 1 {
		path := fmt.Sprint("/stuck-", i)
		if enter(path, 1); u.enter(path, over, nil) != nil {
			t.Error(path, "has more than its share")
		}
	}
	if u.enter("/last", over, nil) != nil {
		t.Error("too many children")
	}
	leave[0]()
	leave = leave[1:]
	enter("/last", 1)
	for _, f := range leave {
		f()
	}
	if len(u.first)+len(u.more) != 0 || len(u.paths) != 0 {
		t.Error(len(u.first)+len(u.more), "places are left,", len(u.paths), "paths")
	}
}
