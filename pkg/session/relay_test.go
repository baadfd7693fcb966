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

// What a command writes just before it ends is not lost, wherever the copying is when finish stops it.
func TestLastOutputIsNotLost(t *testing.T) {
	for range 50 {
		from, command := pipe(t)
		file := createFile(t)
		s := &streams{outputs: []*output{{from: from, to: outputTo(file)}}}
		s.start(nil, newEvent(), newEvent())
		waitForIdleOutput(t)
		if _, err := command.WriteString("last words\n"); err != nil {
			t.Fatal(err)
		}
		finish(t, s)
		expectContent(t, file, "last words\n")
		command.Close()
	}
}

// waitForIdleOutput waits until an output waits for the command to write, by the stack of its goroutine.
func waitForIdleOutput(t *testing.T) {
	t.Helper()
	stacks := make([]byte, 1<<20)
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		for goroutine := range strings.SplitSeq(string(stacks[:runtime.Stack(stacks, true)]), "\n\n") {
			if strings.Contains(goroutine, " [IO wait") && strings.Contains(goroutine, "(*output).run(") {
				return
			}
		}
	}
	t.Fatal("no output waits")
}

// The steps of finish one by one: the command writes after the deadline has ended the copying.
func TestOutputWrittenAfterDeadlineIsDrained(t *testing.T) {
	from, command := pipe(t)
	file := createFile(t)
	o := &output{from: from, to: outputTo(file)}
	s := &streams{outputs: []*output{o}}
	s.start(nil, newEvent(), newEvent())
	waitForIdleOutput(t)
	if err := from.SetReadDeadline(time.Now()); err != nil {
		t.Fatal(err)
	}
	<-o.done
	if _, err := command.WriteString("last words\n"); err != nil {
		t.Fatal(err)
	}
	o.drain()
	expectContent(t, file, "last words\n")
}

func TestOutputToFullPipe(t *testing.T) {
	want := strings.Repeat("0123456789abcde\n", 1<<16)
	reader, fifo := pipe(t) // the reader starts late
	from, command := pipe(t)
	s := &streams{outputs: []*output{{from: from, to: outputTo(fifo)}}}
	s.start(nil, newEvent(), newEvent())
	go func() {
		_, _ = command.WriteString(want)
		command.Close()
		<-s.outputs[0].done
		fifo.Close()
	}()
	if got := wait(t, "the relay", readAllInBackground(reader)); got != want {
		t.Errorf("%d bytes of %d arrive", len(got), len(want))
	}
}

// When the output's reader is gone, the command's pipe is closed, and its next write fails with EPIPE. A
// terminal is kept open and read, since a write to it could wait forever, and the command gets a signal.
func TestCommandIsNotifiedWhenReaderIsGone(t *testing.T) {
	from, command := pipe(t)
	s := &streams{outputs: []*output{{stream: 1, from: from, to: io.Discard}}}
	s.start(nil, newEvent(), newEvent())
	s.readerGone(2) // another stream
	if _, err := command.WriteString("x"); err != nil {
		t.Errorf("write before the reader is gone: %v", err)
	}
	s.readerGone(1)
	<-s.outputs[0].done
	if _, err := command.WriteString("x"); !errors.Is(err, unix.EPIPE) {
		t.Errorf("write after the reader is gone: %v", err)
	}

	pty, tty := openTestTerminal(t)
	reader, to := pipe(t)
	reader.Close()
	signals := make(chan unix.Signal, 100)
	s = &streams{terminal: true, outputs: []*output{{stream: 1, from: pty, to: to, signal: func(sig unix.Signal) { signals <- sig }}}}
	s.start(nil, newEvent(), newEvent())
	written := make(chan struct{})
	go func() {
		defer close(written)
		_, _ = tty.WriteString(strings.Repeat("0123456789abcde\n", 1<<14)) // more than a terminal's buffer
	}()
	select {
	case <-written:
	case <-time.After(time.Minute):
		t.Fatal("the command waits for a reader")
	}
	if sig := <-signals; sig != unix.SIGPIPE || len(signals) > 0 {
		t.Errorf("the command gets %v and %d more", sig, len(signals))
	}
}

func TestInputFromEveryKindOfFile(t *testing.T) {
	want := strings.Repeat("0123456789abcde\n", 1<<15)
	file := createAppendFile(t)
	if _, err := file.WriteString(want); err != nil {
		t.Fatal(err)
	}
	file, err := os.Open(file.Name()) // may stay open after the test
	if err != nil {
		t.Fatal(err)
	}
	fromPipe, toPipe := pipe(t)
	fromSocket, toSocket := socketPair(t)
	for _, row := range []struct {
		name         string
		from, writer *os.File // writer writes the data, unless it is nil
	}{
		{"a file", file, nil},
		{"a pipe", fromPipe, toPipe},
		{"a socket", fromSocket, toSocket},
	} {
		command, w := pipe(t)
		s := &streams{input: newTestInput(row.from, w)}
		s.start(nil, newEvent(), newEvent())
		if row.writer != nil {
			go func() {
				time.Sleep(10 * time.Millisecond) // until then there is nothing to read
				_, _ = row.writer.WriteString(want)
				row.writer.Close()
			}()
		}
		if got := wait(t, row.name, readAllInBackground(command)); got != want {
			t.Errorf("%s: the command reads %d bytes of %d", row.name, len(got), len(want))
		}
	}
}

// A typed line does not wait for the next, also for a command without a terminal.
func TestTypedLinesReachTheCommandAtOnce(t *testing.T) {
	keyboard, tty := openTestTerminal(t)
	command, w := pipe(t)
	s := &streams{input: newTestInput(tty, w)}
	s.start(nil, newEvent(), newEvent())
	if err := command.SetReadDeadline(time.Now().Add(30 * time.Second)); err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{"one\n", "two\n", "three\n"} {
		if _, err := keyboard.WriteString(line); err != nil {
			t.Fatal(err)
		}
		got := make([]byte, len(line))
		if _, err := io.ReadFull(command, got); err != nil || string(got) != line {
			t.Fatalf("the command reads %q, %v; want %q", got, err, line)
		}
	}
	if _, err := keyboard.WriteString("\x04"); err != nil { // ctrl-d
		t.Fatal(err)
	}
	if n, err := command.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		t.Errorf("after ctrl-d: %d, %v; want %v", n, err, io.EOF)
	}
}
