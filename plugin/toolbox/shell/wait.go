package shell

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/shell/hook"
	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/tool"
)

// waitingForOne is wait -n: it waits for the job that ends next, of those that are named, or of all.
func (t *jobTable) waitingForOne(ctx context.Context, shell hook.Access, stderr io.Writer, args []string) (command []string, ok bool) {
	variable := ""
	if len(args) > 1 && args[0] == "-p" {
		variable, args = args[1], args[2:]
	}
	if _, nested := ctx.Value(jobKey{}).(*job); nested {
		return nil, false
	}
	stop := context.AfterFunc(ctx, t.wake)
	defer stop()
	t.mu.Lock()
	defer t.mu.Unlock()
	list, err := t.named(args)
	if err != nil {
		fmt.Fprintf(stderr, "wait: %v\n", err)
		return withStatus(tool.NotFound), true
	}
	for ctx.Err() == nil {
		if hook.Traps.Waits() {
			return withStatus(int(hook.Traps.Status())), true
		}
		runs := false
		for _, j := range list {
			if j.done {
				if variable != "" {
					shell.Set(variable, j.leader())
				}
				return withStatus(j.exit()), true
			}
			runs = runs || !j.stopped
		}
		if !runs {
			return withStatus(tool.NotFound), true
		}
		t.changed.Wait()
	}
	return withStatus(interrupted), true
}

// waiting waits for jobs, unless ^C ends that, and translates the arguments for the interpreter, which knows the status.
// ok is false if nothing is to be done.
func (t *jobTable) waiting(ctx context.Context, stderr io.Writer, args []string) (command []string, ok bool) {
	isSpec := func(arg string) bool { return strings.HasPrefix(arg, "%") }
	if len(args) > 3 && args[1] == "-p" && args[3] == "-n" { // wait -p NAME -n
		args = append([]string{"wait", "-n", "-p", args[2]}, args[4:]...)
	}
	if len(args) > 1 && args[1] == "-n" && t.control {
		return t.waitingForOne(ctx, hook.AccessOf(ctx), stderr, args[2:])
	}
	_, nested := ctx.Value(jobKey{}).(*job)
	if (nested || !t.control) && !slices.ContainsFunc(args, isSpec) {
		return nil, false
	}
	stop := context.AfterFunc(ctx, t.wake)
	defer stop()
	t.mu.Lock()
	defer t.mu.Unlock()
	out := slices.Clone(args)
	for i, arg := range args[1:] {
		j, err := t.find([]string{arg})
		switch {
		case isSpec(arg) && (err != nil || nested):
			fmt.Fprintf(stderr, "wait: %s: no such job\n", tool.Printable(arg))
			return withStatus(tool.NotFound), true
		case err != nil: // it has ended, or is no job
			continue
		case !t.await(ctx, j):
			return withStatus(j.unended()), true
		case j.alias == "":
			return withStatus(j.exit()), true
		}
		out[i+1] = j.alias
	}
	if len(args) > 1 {
		return out, true
	}
	for _, j := range slices.Clone(t.list) {
		if !j.stopped && !t.await(ctx, j) {
			return withStatus(j.unended()), true
		}
	}
	return withStatus(0), true
}

// wake makes those look again that wait for a change.
func (t *jobTable) wake() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.changed.Broadcast()
}

// awaitUntil waits for a change after which a condition holds, but not longer than limit. It is called with the table locked.
func (t *jobTable) awaitUntil(limit time.Duration, holds func() bool) {
	late := false
	timer := time.AfterFunc(limit, func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		late = true
		t.changed.Broadcast()
	})
	defer timer.Stop()
	for !late && !holds() {
		t.changed.Wait()
	}
}

// await waits until a job has ended, and returns false if ctx has ended, the job was stopped, or a signal with a trap has arrived
// before.
func (t *jobTable) await(ctx context.Context, j *job) bool {
	for !j.done && !j.stopped && ctx.Err() == nil && !hook.Traps.Waits() {
		t.changed.Wait()
	}
	return j.done
}

// unended returns the status of wait for a job that has not ended.
func (j *job) unended() int {
	switch {
	case j.stopped:
		return j.stoppedStatus()
	case hook.Traps.Waits():
		return int(hook.Traps.Status())
	}
	return interrupted
}
