package pump_test

import (
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/pkg/pump"
)

func TestNoByteIsLostWithoutPipes(t *testing.T) {
	l := newPairs(t)
	p := newPump(t)
	p.WithoutPipes()
	storm(t, 200, func() *joined { return join(t, p, l.tcp, l.unix, false) })
}

// Readers that read nothing hold a limited number of pipes, and others go on.
func TestReadersThatDoNotReadAreBounded(t *testing.T) {
	l := newPairs(t)
	p := newPump(t)
	p.Report = func(err error) { t.Error(err) } // our own limit is no limit of the system
	var stuck []*joined
	var taken []int64
	for range 2 * pump.MostLent {
		j := join(t, p, l.unix, l.unix, false)
		stuck = append(stuck, j)
		_ = j.left.SetWriteDeadline(time.Now().Add(20 * time.Millisecond))
		n, err := j.left.Write(make([]byte, 16<<20))
		if err == nil {
			t.Fatal("all of it was taken")
		}
		taken = append(taken, int64(n))
	}
	if n := p.Lent(); n > pump.MostLent {
		t.Error(n, "pipes")
	}
	other := join(t, p, l.tcp, l.tcp, false)
	done := make(chan int64)
	go func() {
		n, _ := io.Copy(io.Discard, other.right)
		done <- n
	}()
	_, _ = other.left.Write(make([]byte, 16<<20))
	_ = other.left.Close()
	if n := <-done; n != 16<<20 {
		t.Error(n)
	}
	_ = other.right.Close()
	<-other.done
	for i, j := range stuck {
		wrote := taken[i]
		_ = j.left.Close() // there is nothing unread, so it is no reset
		if i%2 == 0 {
			if n, err := io.Copy(io.Discard, j.right); n != wrote || err != nil {
				t.Error(n, "instead of", wrote, err)
			}
		}
		_ = j.right.Close()
		<-j.done
	}
	if n := p.Lent(); n != 0 {
		t.Error(n, "pipes are left")
	}
}

// With too few descriptors, connections work, and one line says it.
func TestTooFewDescriptors(t *testing.T) {
	l := newPairs(t)
	p := newPump(t)
	reported := make(chan error, 10)
	p.Report = func(err error) { reported <- err }
	warm := join(t, p, l.tcp, l.tcp, false)
	left, a := connect(t, l.tcp)
	right, b := connect(t, l.tcp)
	var before unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &before); err != nil {
		t.Fatal(err)
	}
	next, err := os.Open("/dev/null")
	if err != nil {
		t.Fatal(err)
	}
	_ = unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: uint64(next.Fd()), Max: before.Max})
	_ = next.Close()
	hold, _ := unix.Dup(0) // takes the last one, if there is one
	done := make(chan error, 1)
	p.Join(a, b, func(_, _ int64, err error) { done <- err })
	for range 2 {
		write(t, left, "x")
		read(t, right, 1)
		write(t, warm.left, "x")
		read(t, warm.right, 1)
	}
	_ = unix.Setrlimit(unix.RLIMIT_NOFILE, &before)
	if hold >= 0 {
		_ = unix.Close(hold)
	}
	for _, conn := range []net.Conn{left, right, warm.left, warm.right} {
		_ = conn.Close()
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
	<-warm.done
	close(reported)
	n := 0
	for err := range reported {
		t.Log(err)
		if n++; !strings.Contains(err.Error(), "too many open files") {
			t.Error(err)
		}
	}
	if n == 0 || n > 2 {
		t.Error(n, "lines")
	}
}

// pagesVariable turns the test program into a user whose pipes have as many pages as they may have.
const pagesVariable = "NSJOIN_TEST_PIPE_PAGES"

// With as many pages as the user's pipes may have, all bytes arrive, and one line says it.
func TestPipePages(t *testing.T) {
	if os.Getenv(pagesVariable) == "" {
		if os.Getuid() != 0 {
			t.Skip("only root becomes a user without pipes")
		}
		user := uint32(1_000_000 + os.Getpid()) // no other test's
		cmd := exec.Command("/proc/self/exe", "-test.run=^TestPipePages$", "-test.v")
		cmd.Dir, cmd.Env = "/", append(os.Environ(), pagesVariable+"=1")
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: user, Gid: user}}
		out, err := cmd.CombinedOutput()
		if err != nil || !strings.Contains(string(out), "--- PASS: TestPipePages") {
			t.Errorf("%v\n%s", err, out)
		}
		return
	}
	takeAllPages(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := newPump(t)
	lines := make(chan error, 10)
	p.Report = func(err error) { lines <- err }
	for range 4 {
		j := join(t, p, l, l, false)
		go func() {
			_, _ = j.left.Write(make([]byte, 4<<20))
			_ = j.left.Close()
		}()
		if n, err := io.Copy(io.Discard, j.right); n != 4<<20 || err != nil {
			t.Error(n, err)
		}
		_ = j.right.Close()
		<-j.done
	}
	_ = l.Close()
	if len(lines) != 1 {
		t.Fatal(len(lines), "lines")
	}
	if err := <-lines; !strings.Contains(err.Error(), "bytes are copied instead: the user's pipes have as many pages as /proc/sys/fs/pipe-user-pages-soft allows") {
		t.Error(err)
	}
}

// takeAllPages makes pipes until the user's have as many pages as they may have.
func takeAllPages(t *testing.T) {
	t.Helper()
	const size = 1 << 20
	for made := 0; ; made++ {
		var fds [2]int
		if err := unix.Pipe2(fds[:], unix.O_CLOEXEC); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { closeBoth(fds) })
		if _, err := unix.FcntlInt(uintptr(fds[0]), unix.F_SETPIPE_SZ, size); err != nil {
			if got, _ := unix.FcntlInt(uintptr(fds[0]), unix.F_GETPIPE_SZ, 0); got < 64<<10 {
				return
			}
		}
		if made > 5000 {
			t.Skip("pipe-user-pages-soft is not set")
		}
	}
}

func closeBoth(fds [2]int) {
	_ = unix.Close(fds[0])
	_ = unix.Close(fds[1])
}

// A Join that Close overtakes starts no loop, which nobody would stop.
func TestNoLoopStartsAfterClose(t *testing.T) {
	listeners, p := newPairs(t), newPump(t)
	_ = p.Close()
	outside, a := connect(t, listeners.tcp)
	b, other := connect(t, listeners.tcp)
	for _, conn := range []net.Conn{outside, a, b, other} {
		defer conn.Close()
	}
	if p.Adopt(a, b) {
		t.Error("a closed Pump has taken connections")
	}
}

// A read may end before all that is there: at urgent data, or at a message with a descriptor.
func TestReadsThatEndEarly(t *testing.T) {
	const after = "after"
	few, many := "before", strings.Repeat("before", 25<<10) // so many that splice(2) is used; they fit into the socket
	l := newPairs(t)
	urgent := func(fd int, before string) error { return unix.Sendto(fd, []byte(before+"!"), unix.MSG_OOB, nil) }
	for name, row := range map[string]struct {
		listener net.Listener
		before   string
		send     func(fd int, before string) error
		ends     bool
	}{
		"urgent data":                         {l.tcp, few, urgent, false},
		"urgent data, and the end":            {l.tcp, few, urgent, true},
		"urgent data after much":              {l.tcp, many, urgent, false},
		"urgent data after much, and the end": {l.tcp, many, urgent, true},
		"a descriptor": {l.unix, few, func(fd int, before string) error {
			return unix.Sendmsg(fd, []byte(before), unix.UnixRights(0), nil, 0)
		}, false},
	} {
		p := newPump(t)
		outside, a := connect(t, row.listener)
		b, other := connect(t, l.tcp)
		if err := a.(interface{ SetReadBuffer(size int) error }).SetReadBuffer(1 << 20); err != nil {
			t.Fatal(err)
		}
		raw, err := outside.(syscall.Conn).SyscallConn()
		if err != nil {
			t.Fatal(err)
		}
		var sent error
		if err := errors.Join(raw.Control(func(fd uintptr) { sent = row.send(int(fd), row.before) }), sent); err != nil {
			t.Fatal(err)
		}
		write(t, outside, after)
		if row.ends {
			_ = outside.CloseWrite()
		}
		arrives(t, outside)
		done := make(chan struct{})
		p.Join(a, b, func(int64, int64, error) { close(done) })
		_ = other.SetReadDeadline(time.Now().Add(time.Minute))
		got := make([]byte, len(row.before+after))
		if n, err := io.ReadFull(other, got); err != nil || string(got) != row.before+after {
			t.Errorf("%s: %d of %d bytes, %v", name, n, len(got), err)
		}
		_ = outside.Close()
		_ = other.Close()
		<-done
	}
}

// arrives waits until all that was written to a TCP connection has arrived.
func arrives(t *testing.T, conn net.Conn) {
	t.Helper()
	tcp, ok := conn.(*net.TCPConn)
	if !ok {
		return // it is there already
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	for range 60_000 {
		var left uint32
		_ = raw.Control(func(fd uintptr) { left, err = unix.IoctlGetUint32(int(fd), unix.TIOCOUTQ) })
		if err != nil || left == 0 {
			return
		}
		time.Sleep(time.Millisecond)
	}
	t.Fatal("nothing arrives")
}
