//go:build unix

// Wine has no UNIX sockets.

package dockercli

import (
	"net"
	"path/filepath"
	"testing"
	"time"

	"github.com/docker/cli/cli-plugins/socket"
)

// The Docker CLI tells the plugin to end by closing its socket, also before the plugin has connected.
func TestContextEndsWithTheSocket(t *testing.T) {
	addr := filepath.Join(t.TempDir(), "s")
	t.Setenv(socket.EnvKey, addr)
	listener, err := net.Listen("unix", addr)
	if err != nil {
		t.Fatal(err)
	}
	connected, cancel := (&Parent{}).Context()
	defer cancel()
	conn, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	select {
	case <-connected.Done():
		t.Error("it ends at once")
	case <-time.After(50 * time.Millisecond):
	}
	waiting, cancel := (&Parent{}).Context() // is never accepted
	defer cancel()
	conn.Close()
	listener.Close()
	late, cancel := (&Parent{}).Context()
	defer cancel()
	for name, ctx := range map[string]interface{ Done() <-chan struct{} }{"connected": connected, "waiting": waiting, "late": late} {
		select {
		case <-ctx.Done():
		case <-time.After(time.Minute):
			t.Errorf("%s: it does not end", name)
		}
	}
}
