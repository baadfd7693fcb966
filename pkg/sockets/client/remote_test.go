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

func (h *endedHelper) CloseWrite() error { return nil }
func (h *endedHelper) Close()            { h.close.Do(func() { close(h.closed) }) }

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
	remote, err := NewRemote(t.Context(), helper, &said)
	if !errors.Is(err, ErrHelperEnded) || said.String() != "it cannot join\n" {
		t.Errorf("%v; it has said %q", err, &said)
	}
	if status, known := remote.Status(); status != 125 || !known {
		t.Errorf("status %d, %t", status, known)
	}
}
