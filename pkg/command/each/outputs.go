package each

import (
	"fmt"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"github.com/nsjoin/docker-nsjoin/pkg/exit"
	"github.com/nsjoin/docker-nsjoin/pkg/job"
	"github.com/nsjoin/docker-nsjoin/pkg/lines"
	"github.com/nsjoin/docker-nsjoin/pkg/stdio"
)

// brokenPipe is the exit status of a command that wrote to an output without a reader.
var brokenPipe = exit.Signalled(int(syscall.SIGPIPE))

// outputs has what happens when the caller's outputs cannot be written.
type outputs struct {
	call   *call
	mu     sync.Mutex
	closed [2]bool // nobody reads it
	lost   bool    // something could not be written, though it has a reader
	jobs   map[*job.Job]bool
	settle chan chan struct{}
}

func newOutputs(c *call) *outputs {
	return &outputs{call: c, jobs: make(map[*job.Job]bool), settle: make(chan chan struct{})}
}

// add has a command told when nobody reads an output. The caller calls remove in the end.
func (o *outputs) add(j *job.Job) (remove func()) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.jobs[j] = true
	for i, closed := range o.closed {
		if closed {
			go j.OutputClosed(i + 1)
		}
	}
	return func() {
		o.mu.Lock()
		defer o.mu.Unlock()
		delete(o.jobs, j)
	}
}

// unread reports whether nobody reads the commands' standard output.
func (o *outputs) unread() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.closed[0]
}

// failure reports whether output was lost. It first handles what has happened before it was called.
func (o *outputs) failure() bool {
	settled := make(chan struct{})
	o.settle <- settled
	<-settled
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.lost
}

// watch waits for what happens until stop is called. SIGPIPE would end this process: the commands get it instead.
func (o *outputs) watch() (stop func()) {
	unused := make(chan os.Signal, 1)
	signal.Notify(unused, syscall.SIGPIPE) // an ignored signal would be ignored by the helpers, too
	done := make(chan struct{})
	go func() {
		for {
			select {
			case f := <-o.call.printer.Failed():
				o.failed(f)
			case settled := <-o.settle:
				o.handle()
				close(settled)
			case <-done:
				return
			}
		}
	}()
	go o.call.abandonStuck(done)
	return func() {
		signal.Stop(unused)
		close(done)
	}
}

// handle handles the failures that there are.
func (o *outputs) handle() {
	for {
		select {
		case f := <-o.call.printer.Failed():
			o.failed(f)
		default:
			return
		}
	}
}

// failed ends all commands if an output cannot be written. If it has lost its reader, commands get SIGPIPE when they
// write to it, and no more are begun if it is standard output.
func (o *outputs) failed(f lines.Failure) {
	c := o.call
	if !stdio.IsBrokenPipe(f.Err) {
		o.mu.Lock()
		o.lost = true
		o.mu.Unlock()
		c.stops.begin(sigterm, outputLost)
		c.say(fmt.Sprintf("%s: write the output: %v\n", c.cli.Name, f.Err))
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.closed[f.Output] = true
	for j := range o.jobs {
		go j.OutputClosed(f.Output + 1) // may wait until the command reads its input
	}
	if f.Output == 0 {
		c.stops.enough()
	}
}

// abandonStuck drops what is not read any more, once the commands are to end: else they could not end.
func (c *call) abandonStuck(done <-chan struct{}) {
	const interval, limit = 200 * time.Millisecond, time.Second
	select {
	case <-c.stops.stop:
	case <-done:
		return
	}
	looks := time.NewTicker(interval)
	defer looks.Stop()
	for {
		select {
		case <-looks.C:
			if c.printer.Stuck(limit) {
				c.printer.Abandon()
			}
		case <-done:
			return
		}
	}
}
