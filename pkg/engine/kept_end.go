package engine

import (
	"context"
	"errors"
	"io"
	"sync/atomic"
	"time"

	"github.com/containerd/errdefs"
)

// waitInKept waits until the helper has ended, and returns the exit status that the engine knows of.
func (h *Helper) waitInKept() (int, error) {
	stop := make(chan struct{})
	defer close(stop)
	go h.hangUpIfLost(stop, lostInterval, lostPause)
	<-h.ended
	const timeout, pause = 5 * time.Second, 50 * time.Millisecond
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	for {
		found, err := h.engine.ContainerExecInspect(ctx, h.exec)
		if isExecGone(err) {
			return 0, errors.New("the helper's container that is kept was stopped during the call")
		}
		if err != nil {
			return 0, h.lost(err)
		}
		if !found.Running {
			return found.ExitCode, nil
		}
		time.Sleep(pause)
	}
}

// lostInterval is how often to ask whether a helper in a container that is kept has ended, and lostPause how long its
// output may then take to come.
var lostInterval, lostPause = 15 * time.Second, 2 * time.Second

// hangUpIfLost closes the connection if the engine says that the helper has ended, but does not end its output:
// Engine 20.10 doesn't when somebody stops the container. Output that has come and is not read yet is not lost.
func (h *Helper) hangUpIfLost(stop <-chan struct{}, interval, pause time.Duration) {
	looks := time.NewTicker(interval)
	defer looks.Stop()
	for {
		select {
		case <-stop:
			return
		case <-h.ended:
			return
		case <-looks.C:
		}
		ctx, cancel := context.WithTimeout(context.Background(), interval)
		ended := h.endedInKept(ctx, nil)
		cancel()
		before := h.reads.Load()
		if !ended || before%2 == 0 {
			continue
		}
		select {
		case <-stop:
			return
		case <-time.After(pause):
		}
		if h.reads.Load() == before { // it has been waiting all the time
			h.Close()
			return
		}
	}
}

// countedReader counts the beginnings and ends of Read: the number is odd while it waits.
type countedReader struct {
	from  io.Reader
	count *atomic.Int64
}

func (r countedReader) Read(b []byte) (int, error) {
	r.count.Add(1)
	defer r.count.Add(1)
	return r.from.Read(b)
}

// endedInKept reports whether the engine says that the helper has ended, or answers with the error also.
func (h *Helper) endedInKept(ctx context.Context, also error) bool {
	found, err := h.engine.ContainerExecInspect(ctx, h.exec)
	return isExecGone(err) || also != nil && errors.Is(err, also) || err == nil && !found.Running
}

// isExecGone reports whether an error says that the engine no longer knows a command, since its container was
// stopped or removed.
func isExecGone(err error) bool { return errdefs.IsNotFound(err) || errdefs.IsConflict(err) }
