//go:build linux

package multiplexer_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/pkg/attached"
	"github.com/nsjoin/docker-nsjoin/pkg/frame"
	"github.com/nsjoin/docker-nsjoin/pkg/frame/streams"
	"github.com/nsjoin/docker-nsjoin/pkg/multiplexer"
)

// scripts are what the helpers of these tests are, by the set of capabilities that a client asks for.
var scripts = []string{
	cat:    `read size; head -c $size; echo errors >&2; exit 3`,
	killed: `kill -9 $$`,
	flood:  `yes & cat >/dev/null; kill $!`,
	deaf:   `echo $$; exec sleep 1000`,
	large:  `head -c 3000000 /dev/zero; head -c 3000000 /dev/zero >&2`,
	waits:  `cat >/dev/null; echo end`,
	polls:  "",
	forges: `printf 'e\0\0\1\0\0\0\1\0r\0\0\2\0\0\0\3\0\0\3\0\0\4\0\0\0\0'`,
}

const (
	cat = iota
	killed
	flood
	deaf
	large
	waits
	polls // sees only that its standard input has ended, and does not read
	forges
	refused
)

func start(capabilities uint64, stdio [3]*os.File) (int, error) {
	if capabilities == refused {
		return 0, fmt.Errorf("fork: %w", unix.EAGAIN)
	}
	program, args, env := "/bin/sh", []string{"sh", "-c", scripts[capabilities]}, os.Environ()
	if capabilities == polls {
		program, args, env = "/proc/self/exe", []string{"polls"}, append(env, pollsVariable+"=1")
	}
	p, err := os.StartProcess(program, args, &os.ProcAttr{Files: stdio[:], Env: env})
	if err != nil {
		return 0, err
	}
	pid := p.Pid
	return pid, p.Release()
}

// engine is a multiplexer at the other end of two pipes, as the engine attaches a client to it.
type engine struct {
	in, out *os.File // the client's ends
	served  chan error
	once    sync.Once
}

func (e *engine) Write(b []byte) (int, error) { return e.in.Write(b) }
func (e *engine) CloseWrite() error           { return e.in.Close() }
func (e *engine) Close()                      { e.once.Do(func() { e.in.Close(); e.out.Close() }) }

func (e *engine) Output(stdout, _ io.Writer) error {
	_, err := io.Copy(stdout, e.out)
	return err
}

func connect(t *testing.T) (*attached.Connection, *engine) {
	t.Helper()
	theirIn, in, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	out, theirOut, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	e := &engine{in: in, out: out, served: make(chan error, 1)}
	go func() {
		err := multiplexer.Serve(start, theirIn, theirOut)
		theirIn.Close()
		theirOut.Close()
		e.served <- err
	}()
	c, err := attached.Connect(t.Context(), e, io.Discard, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		c.HangUp()
		if err := <-e.served; err != nil && !errors.Is(err, unix.EPIPE) {
			t.Error(err)
		}
	})
	return c, e
}

// begin begins a command. What it writes is kept.
func begin(t *testing.T, c *attached.Connection, script uint64, input string) *command {
	t.Helper()
	started, err := c.Begin(t.Context(), script, []byte(input))
	if err != nil {
		t.Fatal(err)
	}
	return &command{Command: started}
}

type command struct {
	*attached.Command
	stdout, stderr bytes.Buffer
}

// end reads all output and returns the exit status.
func (c *command) end(t *testing.T) (int, error) {
	t.Helper()
	go func() { _ = c.Output(&c.stdout, &c.stderr) }()
	return c.Wait()
}

func TestOutputInputAndStatus(t *testing.T) {
	c, _ := connect(t)
	var all sync.WaitGroup
	for i := range 20 {
		all.Go(func() {
			text := strings.Repeat(fmt.Sprintf("line of %d\n", i), 10_000)
			h := begin(t, c, cat, fmt.Sprintf("%d\n", len(text))+text[:100])
			go func() { _, _ = io.WriteString(h, text[100:]) }()
			status, err := h.end(t)
			if status != 3 || err != nil || h.stdout.String() != text || h.stderr.String() != "errors\n" {
				t.Errorf("status %d, %v, %d bytes of output, errors %q", status, err, h.stdout.Len(), h.stderr.String())
			}
		})
	}
	all.Wait()
}

func TestHelperThatIsKilled(t *testing.T) {
	c, _ := connect(t)
	if status, err := begin(t, c, killed, "").end(t); err == nil || err.Error() != "the helper was killed by signal 9" {
		t.Errorf("status %d, %v", status, err)
	}
}

func TestHelperThatCannotBeStarted(t *testing.T) {
	c, _ := connect(t)
	h := begin(t, c, refused, "frames that nobody reads")
	if status, err := h.end(t); err == nil || err.Error() != "start helper: fork: resource temporarily unavailable" {
		t.Errorf("status %d, %v", status, err)
	}
}

// A command whose output is not read, and one that does not read its input, hold up no other.
func TestSlowCommandsHoldUpNoOther(t *testing.T) {
	c, _ := connect(t)
	unread := []*command{begin(t, c, flood, ""), begin(t, c, flood, "")}
	silent := begin(t, c, deaf, "")
	wrote := make(chan error, 1)
	go func() {
		_, err := silent.Write(make([]byte, 100<<20))
		wrote <- err
	}()
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			h := begin(t, c, large, "")
			status, err := h.end(t)
			if status != 0 || err != nil || h.stdout.Len() != 3_000_000 || h.stderr.Len() != 3_000_000 {
				t.Errorf("status %d, %v, %d and %d bytes", status, err, h.stdout.Len(), h.stderr.Len())
			}
		})
	}
	all.Wait()
	select {
	case err := <-wrote:
		t.Fatalf("100 MiB were written to a command that reads nothing: %v", err)
	default:
	}
	for _, h := range unread {
		h.Close()
		if status, err := h.end(t); status != 0 || err != nil || h.stdout.Len() == 0 {
			t.Errorf("status %d, %v, %d bytes", status, err, h.stdout.Len())
		}
	}
	pid, ended := make(chan int, 1), make(chan struct{})
	go func() {
		defer close(ended)
		_ = silent.Output(writerFunc(func(b []byte) (int, error) {
			n, _ := strconv.Atoi(strings.TrimSpace(string(b)))
			pid <- n
			return len(b), nil
		}), io.Discard)
	}()
	if err := unix.Kill(<-pid, unix.SIGKILL); err != nil {
		t.Fatal(err)
	}
	<-ended
	if err := <-wrote; err != nil {
		t.Log(err) // or the rest was dropped
	}
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(b []byte) (int, error) { return f(b) }

// The end of the client, however it comes, ends the input of all helpers. The multiplexer waits for them.
func TestEndOfTheClient(t *testing.T) {
	c, e := connect(t)
	for range 5 {
		begin(t, c, waits, "")
	}
	e.Close()
	select {
	case err := <-e.served:
		e.served <- err
	case <-time.After(time.Minute):
		t.Fatal("the multiplexer does not end")
	}
	if _, err := unix.Wait4(-1, nil, unix.WNOHANG, nil); !errors.Is(err, unix.ECHILD) {
		t.Errorf("a helper is left: %v", err)
	}
}

// The end of one command's connection ends its input, and nothing of the others.
func TestEndOfOneCommand(t *testing.T) {
	c, _ := connect(t)
	other := begin(t, c, waits, "")
	h := begin(t, c, waits, "")
	h.Close()
	if status, err := h.end(t); status != 0 || err != nil || h.stdout.String() != "end\n" {
		t.Errorf("status %d, %v, %q", status, err, h.stdout.String())
	}
	ended := make(chan struct{})
	go func() { _, _ = other.end(t); close(ended) }()
	select {
	case <-ended:
		t.Error("the other one has ended too")
	case <-time.After(50 * time.Millisecond):
	}
	other.Close()
	<-ended
}

// pollsVariable has this program be a helper that does not read.
const pollsVariable = "NSJOIN_TEST_POLLS"

// poll waits for the end of standard input as the helper does while it waits for a file system, and reads nothing.
func poll() {
	fmt.Println("waits")
	fds := []unix.PollFd{{Fd: 0}} // POLLHUP only
	for {
		if _, err := unix.Poll(fds, -1); err == nil {
			fmt.Println("hung up")
			return
		}
	}
}

// A hang-up reaches a helper that has not read its input, whether that waits at the client or in the multiplexer.
func TestHangUpOfAHelperThatDoesNotRead(t *testing.T) {
	const pipe = 64 << 10
	for _, size := range []int{1, pipe + 1, pipe + streams.InitialCredit, 100 << 20} {
		c, _ := connect(t)
		h := begin(t, c, polls, "")
		wrote := make(chan struct{})
		go func() {
			_, _ = h.Write(make([]byte, size))
			close(wrote)
		}()
		if size <= pipe+streams.InitialCredit {
			<-wrote
		}
		waits := make(chan struct{})
		var out bytes.Buffer
		go func() {
			_ = h.Output(writerFunc(func(b []byte) (int, error) {
				if out.Len() == 0 {
					close(waits)
				}
				return out.Write(b)
			}), io.Discard)
		}()
		<-waits
		h.Close()
		ended := make(chan error, 1)
		go func() {
			status, err := h.Wait()
			if status != 0 && err == nil {
				err = fmt.Errorf("status %d", status)
			}
			ended <- err
		}()
		select {
		case err := <-ended:
			if err != nil || out.String() != "waits\nhung up\n" {
				t.Errorf("%d bytes: %v, %q", size, err, out.String())
			}
		case <-time.After(time.Minute):
			t.Fatalf("%d bytes that were not read hide the hang-up", size)
		}
		<-wrote
	}
}

// What a helper writes is data of its own stream, whatever it looks like.
func TestOutputThatLooksLikeFrames(t *testing.T) {
	c, _ := connect(t)
	other := begin(t, c, waits, "")
	h := begin(t, c, forges, "")
	status, err := h.end(t)
	if want := "e\x00\x00\x01\x00\x00\x00\x01\x00r\x00\x00\x02\x00\x00\x00\x03\x00\x00\x03\x00\x00\x04\x00\x00\x00\x00"; status != 0 || err != nil || h.stdout.String() != want {
		t.Errorf("status %d, %v, %q", status, err, h.stdout.String())
	}
	other.Close()
	if status, err := other.end(t); status != 0 || err != nil || other.stdout.String() != "end\n" {
		t.Errorf("the other one: status %d, %v, %q", status, err, other.stdout.String())
	}
}

func TestStreamThatIsNoCommand(t *testing.T) {
	c, _ := connect(t)
	for _, open := range []struct {
		network streams.Network
		address string
	}{{streams.TCP, "0"}, {streams.Command, "xyz"}, {streams.Command, ""}} {
		s, err := c.Mux.Open(open.network, open.address)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.Opened(t.Context()); err == nil || err.Error() != "not a command" {
			t.Errorf("%c %q: %v", open.network, open.address, err)
		}
		s.Close()
	}
}

// Records that the other end may not send are errors.
func TestInvalidRecords(t *testing.T) {
	for records, message := range map[string]string{
		"":                          "unexpected EOF",
		"\x01\x00\x00\x02o":         "unexpected EOF",
		"\x01\x01\x00\x01":          "a record of kind 1 with 65537 bytes",
		"\x03\x00\x00\x05\x00":      "a record of kind 3 with 5 bytes",
		"\x04\x00\x00\x01x":         "a record of unknown kind 4",
		"\x01\x00\x00\x01o\x02\x00": "unexpected EOF",
	} {
		if _, err := frame.SplitOutput(strings.NewReader(records), io.Discard, io.Discard); err == nil || err.Error() != message {
			t.Errorf("%q: %v", records, err)
		}
	}
}
