//go:build linux

package session

import (
	"errors"
	"io"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// What a command writes just before it ends must not be lost, wherever the
// relay is when finish stops it.
func TestLastWordsAreNotLost(t *testing.T) {
	for range 50 {
		from, theirs := pipe(t)
		file := overwritten(t)
		s := &streams{outputs: []*output{{from: from, to: to(file)}}}
		s.start(nil, newOnce(), newOnce())
		relayWaits(t)
		if _, err := theirs.WriteString("last words\n"); err != nil {
			t.Fatal(err)
		}
		finished(t, s)
		expect(t, file, "last words\n")
		theirs.Close()
	}
}

// relayWaits waits until a relay waits for what a command writes, as its goroutine says.
func relayWaits(t *testing.T) {
	t.Helper()
	stacks := make([]byte, 1<<20)
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		for one := range strings.SplitSeq(string(stacks[:runtime.Stack(stacks, true)]), "\n\n") {
			if strings.Contains(one, " [IO wait") && strings.Contains(one, "(*output).run(") {
				return
			}
		}
	}
	t.Fatal("no relay waits")
}

// What finish does, step by step: something is written after the relay was
// stopped while it waited.
func TestWhatIsWrittenWhenTheRelayIsStoppedIsDrained(t *testing.T) {
	from, theirs := pipe(t)
	file := overwritten(t)
	r := &output{from: from, to: to(file)}
	s := &streams{outputs: []*output{r}}
	s.start(nil, newOnce(), newOnce())
	relayWaits(t)
	if err := from.SetReadDeadline(time.Now()); err != nil {
		t.Fatal(err)
	}
	<-r.done
	if _, err := theirs.WriteString("last words\n"); err != nil {
		t.Fatal(err)
	}
	r.drain()
	expect(t, file, "last words\n")
}

// A file that is full, or has nothing yet, is not the other end's readiness.
func TestOutputToAPipeThatIsFull(t *testing.T) {
	want := strings.Repeat("0123456789abcde\n", 1<<16)
	reader, fifo := pipe(t) // as a FIFO with a name
	from, theirs := pipe(t)
	s := &streams{outputs: []*output{{from: from, to: to(fifo)}}}
	s.start(nil, newOnce(), newOnce())
	go func() {
		_, _ = theirs.WriteString(want)
		theirs.Close()
		<-s.outputs[0].done
		fifo.Close()
	}()
	if got := within(t, "the relay", collect(reader)); got != want {
		t.Errorf("%d bytes arrive of %d", len(got), len(want))
	}
}

// A pipe of which nobody reads what comes out is closed, so that who writes into it gets EPIPE. A
// terminal's writer would wait for ever: the command gets a signal, and its output is read on.
func TestWhoWritesIsToldThatNobodyReads(t *testing.T) {
	unread, theirs := pipe(t)
	s := &streams{outputs: []*output{{of: 1, from: unread, to: nowhere{}}}}
	s.start(nil, newOnce(), newOnce())
	s.unread(2) // another stream
	if _, err := theirs.WriteString("x"); err != nil {
		t.Errorf("write to what is read: %v", err)
	}
	s.unread(1)
	<-s.outputs[0].done
	if _, err := theirs.WriteString("x"); !errors.Is(err, unix.EPIPE) {
		t.Errorf("write to what nobody reads: %v", err)
	}

	ours, tty := terminal(t)
	reader, to := pipe(t)
	reader.Close()
	given := make(chan unix.Signal, 100)
	s = &streams{terminal: true, outputs: []*output{{of: 1, from: ours, to: to, end: func(sig unix.Signal) { given <- sig }}}}
	s.start(nil, newOnce(), newOnce())
	written := make(chan struct{})
	go func() {
		defer close(written)
		_, _ = tty.WriteString(strings.Repeat("0123456789abcde\n", 1<<14)) // more than a terminal holds
	}()
	select {
	case <-written:
	case <-time.After(20 * time.Second):
		t.Fatal("the command waits for a reader")
	}
	if sig := <-given; sig != unix.SIGPIPE || len(given) > 0 {
		t.Errorf("it gets %v and %d more", sig, len(given))
	}
}

func TestInputOfEveryKindOfFile(t *testing.T) {
	want := strings.Repeat("0123456789abcde\n", 1<<15)
	file := create(t)
	if _, err := file.WriteString(want); err != nil {
		t.Fatal(err)
	}
	file, err := os.Open(file.Name()) // which the relay may hold longer than this
	if err != nil {
		t.Fatal(err)
	}
	fromPipe, toPipe := pipe(t)
	fromSocket, toSocket := sockets(t)
	for _, row := range []struct {
		name     string
		from, by *os.File // by writes it, where it isn't there yet
	}{
		{"a file", file, nil},
		{"a pipe", fromPipe, toPipe},
		{"a socket", fromSocket, toSocket},
	} {
		theirs, w := pipe(t)
		s := &streams{input: inputOf(row.from, w)}
		s.start(nil, newOnce(), newOnce())
		if row.by != nil {
			go func() {
				time.Sleep(10 * time.Millisecond) // it has nothing yet
				_, _ = row.by.WriteString(want)
				row.by.Close()
			}()
		}
		if got := within(t, row.name, collect(theirs)); got != want {
			t.Errorf("%s: the command reads %d bytes of %d", row.name, len(got), len(want))
		}
	}
}

// A line that is typed must not wait for the next, where a terminal is not the
// command's.
func TestLinesReachTheCommandOneByOne(t *testing.T) {
	keyboard, tty := terminal(t)
	theirs, w := pipe(t)
	s := &streams{input: inputOf(tty, w)}
	s.start(nil, newOnce(), newOnce())
	if err := theirs.SetReadDeadline(time.Now().Add(30 * time.Second)); err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{"one\n", "two\n", "three\n"} {
		if _, err := keyboard.WriteString(line); err != nil {
			t.Fatal(err)
		}
		got := make([]byte, len(line))
		if _, err := io.ReadFull(theirs, got); err != nil || string(got) != line {
			t.Fatalf("the command reads %q, %v; want %q", got, err, line)
		}
	}
	if _, err := keyboard.WriteString("\x04"); err != nil { // ctrl-d
		t.Fatal(err)
	}
	if n, err := theirs.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		t.Errorf("after ctrl-d: %d, %v; want %v", n, err, io.EOF)
	}
}

// The command may have ended with the helper, and been waited for by init.
func TestWatcherGivesTheTerminalOfAnEndedCommandBack(t *testing.T) {
	_, tty := terminal(t)
	before, err := unix.IoctlGetTermios(int(tty.Fd()), unix.TCGETS)
	if err != nil {
		t.Fatal(err)
	}
	raw(t, tty)
	cmd, _ := lead(t, "cat")
	o, pidfd := orderOf(t, cmd, true)
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
	o.Terminal = before
	within(t, "it", watch(t, tty, device(t, "/dev/null"), pidfd, o))
	if after, err := unix.IoctlGetTermios(int(tty.Fd()), unix.TCGETS); err != nil || *after != *before {
		t.Errorf("the terminal is %+v, %v; was %+v", after, err, before)
	}
}
