package client

import (
	"bytes"
	"errors"
	"io"
	"net"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/nsjoin/docker-nsjoin/pkg/attached"
	"github.com/nsjoin/docker-nsjoin/pkg/frame"
)

// endedHelper is a helper that has ended before it read a frame. What it has said is slow to come.
type endedHelper struct {
	tried, closed chan struct{}
	try, close    sync.Once
}

func (h *endedHelper) Write([]byte) (int, error) {
	h.try.Do(func() { close(h.tried) })
	return 0, syscall.EPIPE
}

func (h *endedHelper) Wait() (int, error) { return 0, errors.New("the engine does not know") }
func (h *endedHelper) MayLeave() bool     { return true }
func (h *endedHelper) CloseWrite() error  { return nil }
func (h *endedHelper) Close()             { h.close.Do(func() { close(h.closed) }) }

func (h *endedHelper) Output(_, stderr io.Writer) error {
	<-h.tried
	select {
	case <-h.closed:
		return net.ErrClosed
	case <-time.After(50 * time.Millisecond): // more than enough for who does not wait
	}
	frames := frame.NewWriter(stderr)
	_, _ = io.WriteString(frames, "it cannot join\n")
	_ = frames.Exit(125, 0)
	return nil
}

// A helper that does not serve says why, also if the client's own first frame has failed before that is read.
func TestHelperThatDoesNotServeSaysWhy(t *testing.T) {
	helper := &endedHelper{tried: make(chan struct{}), closed: make(chan struct{})}
	var said bytes.Buffer
	c, err := attached.Connect(t.Context(), helper, &said, 0)
	if !errors.Is(err, ErrHelperEnded) || said.String() != "it cannot join\n" {
		t.Errorf("%v; it has said %q", err, &said)
	}
	if end := c.AwaitEnd(helper, nil); end.Status != 125 || !end.Reported {
		t.Errorf("%+v", end)
	}
}
