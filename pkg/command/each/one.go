package each

import (
	"bytes"
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
	label   lines.Label // without a container it is that of an engine
	status  int
	why     string // if it is not the command's own status, without the container's name
	hint    string
	err     error // that nothing was printed about; nil for none
	stopped bool  // its container has stopped meanwhile
	forced  bool  // it ended, or was not run, because all were to end: its status does not count
	left    bool  // something may still be written
	planned bool  // its plan was printed, as JSON
}

// one runs the command in a container, again if it fails.
func (c *call) one(t target, s *lines.Source) result {
	pause := 200 * time.Millisecond
	for attempt := 0; ; attempt++ {
		r := c.attempt(t, s)
		r.label = t.label()
		if r.status == 0 || r.stopped || attempt == c.retry || c.stops.more.Err() != nil || t.host.watch.lost.Err() != nil {
			return r
		}
		select {
		case <-time.After(jitter(pause)):
		case <-c.stops.stop:
		}
		if c.stops.began() {
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
	done := t.host.mayBegin(ctx)
	b, err := c.begin(ctx, t, s)
	done()
	if err != nil {
		fed.absent()
		return c.notBegun(ctx, t, err)
	}
	defer b.Close()
	defer c.outputs.add(b.Job)()
	slow := fed.feed(b.Job)
	r := c.wait(t, b, s, late, slow)
	if r.status != 0 && r.why == "" {
		r.why = c.whyStopped(t, b.answers, r.status)
		r.stopped = r.why != ""
	}
	if b.plan != nil && r.status == 0 && !r.left {
		r.planned = true
		s.Plan(t.Rule, b.plan.Bytes())
	}
	return r
}

// begun is a command that was begun.
type begun struct {
	*job.Job
	answers engine.Answers
	here    bool          // its helper needs no engine
	plan    *bytes.Buffer // gets the plan, if it is JSON
}

// begin asks for the container and starts its helper.
func (c *call) begin(ctx context.Context, t target, s *lines.Source) (b begun, err error) {
	r := c.request(t)
	if b.answers, err = t.resolve(ctx, r); err != nil {
		return b, err
	}
	if err := t.checkTask(b.answers); err != nil {
		return b, err
	}
	name := t.label().Container // messages have it
	b.answers[name] = b.answers[t.ID]
	r.Rename(t.ID, name)
	output := s.Stdout()
	switch r.DryRun {
	case request.OutputNone:
	case request.OutputJSON:
		b.plan = new(bytes.Buffer)
		output = b.plan
	default:
		fmt.Fprintf(output, "chosen: %s\n", t.Rule)
	}
	helper, here, err := t.host.Begin(ctx, r, b.answers, c.HelperImage())
	if err != nil {
		return b, err
	}
	b.Job, b.here = job.Start(helper, output, s.Stderr()), here
	return b, nil
}

// resolve asks the engine for the container. One that answers pings may still not answer about a container whose lock is held.
func (t target) resolve(ctx context.Context, r *request.Request) (engine.Answers, error) {
	const timeout = time.Minute
	limited, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	answers, err := t.host.Resolve(limited, r)
	if err != nil && ctx.Err() == nil && limited.Err() != nil {
		err = fmt.Errorf("the engine has not answered about its container for %s", timeout)
	}
	return answers, err
}

// notBegun returns the result if no helper was started.
func (c *call) notBegun(ctx context.Context, t target, err error) result {
	var (
		none    *engine.NoContainerError
		stopped *engine.NotRunningError
	)
	switch {
	case t.host.watch.lost.Err() != nil:
		return result{status: exit.Failed, why: noAnswer}
	case c.stops.began():
		return result{status: exit.Failed, why: notRun, forced: true}
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return result{status: timedOut, why: fmt.Sprintf("timed out after %s, before the command ran", c.timeout)}
	case errors.As(err, &none) && none.Name == t.ID: // another one may be that of --net
		return result{status: exit.Failed, why: "its container is gone", stopped: true}
	case errors.As(err, &stopped) && stopped.Name == t.ID:
		return result{status: exit.Failed, why: "its container " + stopped.State, stopped: true}
	}
	return c.failure(t.named(err))
}

// named returns an error without the container's name and ID: several containers can have the same one.
func (t target) named(err error) error {
	const placeholder = "CONTAINER"
	name := t.label().Container
	replace := strings.NewReplacer(
		`container "`+t.ID+`"`, "its container", `container "`+name+`"`, "its container",
		`"`+t.ID+`"`, placeholder, `"`+name+`"`, placeholder, t.ID, placeholder,
	).Replace
	hint := ""
	if known, ok := errors.AsType[*exit.Error](err); ok {
		hint = replace(known.Hint)
	}
	return &exit.Error{Status: exit.Status(err), Err: errors.New(replace(err.Error())), Hint: hint}
}

// wait waits until a command has ended, and ends it if it has to. slow gets a value if it does not read its input.
func (c *call) wait(t target, j begun, s *lines.Source, late <-chan time.Time, slow <-chan struct{}) result {
	var r result
	var cause string       // why all are to end
	var held time.Duration // that late was put off for
	var kill, hang, leave <-chan time.Time
	stop, again, killed, lost := c.stops.stop, c.stops.again, c.stops.kill, t.host.watch.lost.Done()
	if j.here {
		lost = nil
	}
	end := func(signal int, why string, status int) {
		j.Signal(signal)
		kill = time.After(grace)
		if r.why == "" {
			r.why, r.status = why, status
		}
	}
	for {
		if j.ended() { // by itself, whatever else has happened by now
			return ended(j.Job, r, cause)
		}
		select {
		case <-j.Done():
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
			if stop = nil; j.ended() {
				continue // by itself
			}
			var signal int
			signal, cause = c.stops.signal()
			end(signal, "", 0)
		case <-again:
			again = nil
			signal, _ := c.stops.signal()
			j.Signal(signal)
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

// ended reports whether the command has ended.
func (b begun) ended() bool {
	select {
	case <-b.Done():
		return true
	default:
		return false
	}
}

// ended returns the result of a command that has ended. r has why it had to, if it had, and cause why all had to.
func ended(j *job.Job, r result, cause string) result {
	status, err := j.Status()
	switch {
	case r.why != "":
	case err != nil:
		r.why, r.err, r.status = err.Error(), err, exit.Status(err)
	default:
		r.status = status
		if status != 0 && cause != "" {
			r.why, r.forced = cause, true
		}
	}
	return r
}

// whyStopped says that the container has stopped, if the engine says that it has since it was asked for; else it returns
// "". If the command was killed or could not be started, the engine is asked several times: it notices the container's
// end later.
func (c *call) whyStopped(t target, before engine.Answers, status int) string {
	const (
		timeout = 5 * time.Second
		again   = 100 * time.Millisecond
		killed  = 30 // attempts: an engine on a busy machine takes its time
		failed  = 10
	)
	if c.stops.began() || t.host.Offline() || t.host.watch.lost.Err() != nil {
		return ""
	}
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
