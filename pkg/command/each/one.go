package each

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/nsjoin/docker-nsjoin/pkg/engine"
	"github.com/nsjoin/docker-nsjoin/pkg/exit"
	"github.com/nsjoin/docker-nsjoin/pkg/job"
	"github.com/nsjoin/docker-nsjoin/pkg/lines"
	"github.com/nsjoin/docker-nsjoin/pkg/request"
)

// Times of a command that is to end.
const (
	grace    = 10 * time.Second // from the signal to SIGKILL
	hangUp   = 3 * time.Second  // from there until the connection is closed
	abandon  = 3 * time.Second  // from there until it is no longer waited for
	maxPause = 5 * time.Second  // before another try
)

// timedOut is the exit status for a command that --timeout ended, as of timeout(1).
const timedOut = 124

// The signals that are sent, by their numbers on Linux.
const (
	sigkill = 9
	sigterm = 15
)

// result is how a command in a container has ended.
type result struct {
	label   lines.Label
	status  int
	why     string // if it is not the command's own status
	stopped bool   // its container has stopped meanwhile
	left    bool   // something may still be written
}

// one runs the command in a container, again if it fails.
func (c *call) one(t target, s *lines.Source) result {
	pause := 200 * time.Millisecond
	for attempt := 0; ; attempt++ {
		r := c.attempt(t, s)
		r.label = t.label()
		if r.status == 0 || r.stopped || attempt == c.retry || c.stops.more.Err() != nil {
			return r
		}
		select {
		case <-time.After(jitter(pause)):
		case <-c.stops.stop:
			return r
		}
		pause = min(2*pause, maxPause)
	}
}

// attempt runs the command in a container once.
func (c *call) attempt(t target, s *lines.Source) result {
	ctx, cancel := context.WithCancel(c.stops.ctx)
	defer cancel()
	var late <-chan time.Time
	if c.timeout > 0 {
		timer := time.NewTimer(c.timeout)
		defer timer.Stop()
		late = timer.C
		limited, cancel := context.WithTimeout(ctx, c.timeout)
		defer cancel()
		ctx = limited
	}
	defer context.AfterFunc(t.host.watch.lost, cancel)()
	fed := c.input.expect()
	begun := t.host.mayBegin(ctx)
	j, answers, err := c.begin(ctx, t, s)
	begun()
	if err != nil {
		fed.absent()
		return c.notBegun(ctx, t, s, err)
	}
	defer j.Close()
	defer c.outputs.add(j)()
	slow := fed.feed(j)
	r := c.wait(t, j, s, late, slow)
	if r.status != 0 && r.why == "" && !c.stops.began() {
		if why := c.whyStopped(t, answers, r.status); why != "" {
			r.why, r.stopped = why, true
		}
	}
	if r.why != "" && r.err != nil {
		r.status = exit.Status(r.err)
	}
	return r.result
}

// begin asks for the container and starts its helper.
func (c *call) begin(ctx context.Context, t target, s *lines.Source) (*job.Job, engine.Answers, error) {
	r := c.request(t)
	answers, err := t.host.Resolve(ctx, r)
	if err != nil {
		return nil, nil, err
	}
	if err := t.checkTask(answers); err != nil {
		return nil, nil, err
	}
	name := t.label().Container // messages have it
	answers[name] = answers[t.ID]
	r.Rename(t.ID, name)
	if r.DryRun != request.OutputNone {
		fmt.Fprintf(s.Stdout(), "chosen: %s\n", t.Rule)
	}
	helper, _, err := t.host.Begin(ctx, r, answers, c.HelperImage())
	if err != nil {
		return nil, nil, err
	}
	return job.Start(helper, s.Stdout(), s.Stderr()), answers, nil
}

// notBegun returns the result if no helper was started.
func (c *call) notBegun(ctx context.Context, t target, s *lines.Source, err error) result {
	var (
		none    *engine.NoContainerError
		stopped *engine.NotRunningError
	)
	switch {
	case t.host.watch.lost.Err() != nil:
		return result{status: exit.Failed, why: noAnswer}
	case c.stops.began():
		return result{status: c.stops.status(), why: notRun}
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return result{status: timedOut, why: fmt.Sprintf("timed out after %s, before the command ran", c.timeout)}
	case errors.As(err, &none):
		return result{status: exit.Failed, why: "its container is gone", stopped: true}
	case errors.As(err, &stopped):
		return result{status: exit.Failed, why: "its container " + stopped.State, stopped: true}
	}
	err = t.named(err)
	status := t.host.Name().Report(s.Stderr(), err)
	return result{status: status, why: err.Error()}
}

// named returns an error with the container's name in place of its ID.
func (t target) named(err error) error {
	replace := func(text string) string { return strings.ReplaceAll(text, t.ID, t.label().Container) }
	hint := ""
	if known, ok := errors.AsType[*exit.Error](err); ok {
		hint = replace(known.Hint)
	}
	return &exit.Error{Status: exit.Status(err), Err: errors.New(replace(err.Error())), Hint: hint}
}

// waited is the result of wait, and the error of the job.
type waited struct {
	result
	err error
}

// wait waits until a command has ended, and ends it if it has to. slow gets a value if it does not read its input.
func (c *call) wait(t target, j *job.Job, s *lines.Source, late <-chan time.Time, slow <-chan struct{}) waited {
	var r waited
	var held time.Duration // that late was put off for
	var kill, hang, leave <-chan time.Time
	stop, killed, lost := c.stops.stop, c.stops.kill, t.host.watch.lost.Done()
	end := func(signal int, why string, status int) {
		j.Signal(signal)
		kill = time.After(grace)
		if r.why == "" {
			r.why, r.status = why, status
		}
	}
	for {
		select {
		case <-j.Done():
			return c.ended(t, j, r)
		case <-late:
			if more := s.Waited() - held; more > 0 {
				held, late = held+more, time.After(more)
				continue
			}
			end(sigterm, fmt.Sprintf("timed out after %s", c.timeout), timedOut)
		case <-slow:
			slow = nil
			end(sigterm, fmt.Sprintf("did not read its input for %s", c.inputTimeout), exit.Failed)
		case <-stop:
			stop = nil
			end(c.stops.signal(), "", 0)
		case <-killed:
			killed, kill = nil, nil
			j.Signal(sigkill)
			hang = time.After(hangUp)
		case <-kill:
			kill = nil
			j.Signal(sigkill)
			hang = time.After(hangUp)
		case <-hang:
			j.Close()
			leave = time.After(abandon)
		case <-lost:
			lost = nil
			j.Close()
			r.why, r.status = noAnswer, exit.Failed
			leave = time.After(abandon)
		case <-leave:
			if r.why == "" {
				r.why, r.status = "did not end in time", exit.Failed
			}
			r.left = true
			return r
		}
	}
}

// ended returns the result of a command that has ended. r has why it had to, if it had.
func (c *call) ended(_ target, j *job.Job, r waited) waited {
	status, err := j.Status()
	switch {
	case r.why != "":
	case err != nil:
		r.why, r.err, r.status = err.Error(), err, exit.Status(err)
	default:
		r.status = status
	}
	return r
}

// whyStopped says that the container has stopped, if it has since it was asked for; else it returns "". If the command
// was killed or could not be started, the engine is asked several times: it notices the container's end later.
func (c *call) whyStopped(t target, before engine.Answers, status int) string {
	const (
		timeout = 5 * time.Second
		again   = 100 * time.Millisecond
		killed  = 10 // attempts
		failed  = 3
	)
	attempts := map[int]int{exit.Signalled(sigkill): killed, exit.Failed: failed}[status]
	ctx, cancel := context.WithTimeout(c.stops.ctx, timeout)
	defer cancel()
	for attempt := 1; ; attempt++ {
		why := engine.WhyStopped(ctx, t.host.Connection, before[t.ID])
		if why != "" || attempt >= attempts || ctx.Err() != nil {
			return why
		}
		time.Sleep(again)
	}
}
