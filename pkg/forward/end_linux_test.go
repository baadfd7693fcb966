package forward_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/nsjoin/docker-nsjoin/pkg/forward"
)

// The socket of a forward is gone when End returns, and when Run does, also if the forward waits for the container's port.
func TestSocketIsGoneAtTheEnd(t *testing.T) {
	for range 20 {
		endSockets(t, forward.Ready)
		endSockets(t, forward.Waiting)
	}
}

// endSockets ends two forwards in a state: one by End, the other with the call.
func endSockets(t *testing.T, state forward.Kind) {
	t.Helper()
	dir := t.TempDir()
	first, second := filepath.Join(dir, "1"), filepath.Join(dir, "2")
	c, n := start(t, forward.Options{}, first+":80", second+":80"), newNetwork()
	if state == forward.Ready {
		n.serve(t, "127.0.0.1:80")
	}
	c.source.next <- n
	c.wait(state)
	c.wait(state)
	<-c.started
	for _, path := range []string{first, second} {
		if _, err := os.Lstat(path); err != nil {
			t.Fatal(err)
		}
	}
	c.session.End([]string{c.session.Status()[0].ID})
	if _, err := os.Lstat(first); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
	c.cancel(errCancelled)
	if err := c.end(); !errors.Is(err, errCancelled) {
		t.Error(err)
	}
	if _, err := os.Lstat(second); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
}
