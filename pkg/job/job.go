// Package job is the client's side of one of many commands: it exchanges frames with the command's helper.
package job

import (
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/nsjoin/docker-nsjoin/pkg/frame"
)

// Job is a command that was begun.
type Job struct {
	helper   frame.Helper
	frames   *frame.Writer
	received *frame.Receiver
	input    *pace
	signals  chan int // that are to be sent
	done     chan struct{}
	status   int
	err      error
	stop     chan struct{} // closed when the helper has ended
	closed   chan struct{} // closed by Close
	close    sync.Once
}

// Start begins to pass on what the command writes, in writes that come one after another. The caller calls Close in
// the end.
func Start(h frame.Helper, stdout, stderr io.Writer) *Job {
	j := &Job{helper: h, frames: frame.NewWriter(h), input: newPace(), signals: make(chan int, maxSignals), done: make(chan struct{}), stop: make(chan struct{}), closed: make(chan struct{})}
	j.received = frame.NewReceiver(stdout, stderr, j.input.consumed)
	go j.keepAlive()
	go j.sendSignals()
	go j.run()
	return j
}

// keepAlive tells the helper that this process is there.
func (j *Job) keepAlive() {
	alive := time.NewTicker(frame.Interval)
	defer alive.Stop()
	for {
		select {
		case <-j.stop:
			return
		case <-alive.C:
			if j.frames.Alive() != nil {
				return
			}
		}
	}
}

// maxSignals is how many signals wait to be sent.
const maxSignals = 8

func (j *Job) sendSignals() {
	for {
		select {
		case <-j.stop:
			return
		case number := <-j.signals:
			_ = j.frames.Signal(number)
		}
	}
}

// lateOutput is how long to wait for output once the helper was hung up on: who reads it may have stopped reading.
const lateOutput = 2 * time.Second

func (j *Job) run() {
	defer close(j.done)
	defer close(j.stop)
	defer j.input.end()
	written := make(chan struct{})
	go func() {
		defer close(written)
		_ = j.helper.Output(j.received.Stdout(), j.received.Stderr())
		_ = j.received.Close()
	}()
	e := j.received.AwaitEnd(j.helper, nil)
	if j.status, j.err = e.Status, e.Err; e.Reported {
		return
	}
	select {
	case <-j.received.Ended():
	case <-written:
		if _, known := j.received.Status(); !known && j.err == nil {
			j.err = fmt.Errorf("the helper has ended with status %d and has not said how the command did", j.status)
		}
	case <-j.closed:
		select {
		case <-written:
		case <-time.After(lateOutput):
		}
	}
}

// Done returns a channel that is closed when the command has ended and its output was passed on.
func (j *Job) Done() <-chan struct{} { return j.done }

// Status returns the command's exit status, once Done is closed.
func (j *Job) Status() (int, error) { return j.status, j.err }

// Signal sends the command a signal, by its number on Linux. It does not wait: the helper may be stuck, or the connection.
// If too many wait, it is dropped.
func (j *Job) Signal(number int) {
	select {
	case j.signals <- number:
	default:
	}
}

// OutputClosed tells the helper that nobody reads the command's standard output (1) or standard error (2) any more: the
// command's next write there fails, as to a pipe.
func (j *Job) OutputClosed(stream int) { _ = j.frames.OutputClosed(stream) }

// Close hangs up. A command that still runs is ended by its helper.
func (j *Job) Close() {
	j.close.Do(func() {
		close(j.closed)
		j.helper.Close()
	})
}

var errEnded = errors.New("the command has ended")

// Write sends the command's input. It waits while the command does not read; io.Writer.
func (j *Job) Write(b []byte) (int, error) {
	written := 0
	for written < len(b) {
		part := b[written:min(len(b), written+frame.MaxSize)]
		if !j.input.mayWrite(int64(len(part))) {
			return written, errEnded
		}
		if _, err := j.frames.Write(part); err != nil {
			return written, err
		}
		written += len(part)
	}
	return written, nil
}

// EndInput sends the end of the command's input.
func (j *Job) EndInput() { _ = j.frames.End() }

// pace counts input that was sent and not yet passed on.
type pace struct {
	mu      sync.Mutex
	changed sync.Cond
	sent    int64
	passed  int64
	ended   bool
}

func newPace() *pace {
	p := &pace{}
	p.changed.L = &p.mu
	return p
}

// mayWrite waits until n bytes may be sent. It returns false if the command has ended.
func (p *pace) mayWrite(n int64) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for p.sent-p.passed+n > frame.SmallWindow && !p.ended {
		p.changed.Wait()
	}
	p.sent += n
	return !p.ended
}

func (p *pace) consumed(total int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.passed = total
	p.changed.Broadcast()
}

func (p *pace) end() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ended = true
	p.changed.Broadcast()
}
