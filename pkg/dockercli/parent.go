package dockercli

import (
	"context"
	"errors"
	"net"
	"os"
	"syscall"

	"github.com/docker/cli/cli-plugins/metadata"
	"github.com/docker/cli/cli-plugins/socket"
)

// Context returns a context that ends when the Docker CLI tells its plugins to end: it closes their
// socket when it dies, or when it gets a signal and has no terminal. A CLI older than 24 has no such
// socket, so its process is watched, as on a system without UNIX sockets: Windows before 10, and Wine.
func (p *Parent) Context() (ctx context.Context, cancel context.CancelFunc) {
	ctx, cancel = context.WithCancel(context.Background())
	if p == nil {
		return ctx, cancel // the environment may be that of a plugin
	}
	addr := os.Getenv(socket.EnvKey)
	if addr != "" && !waitForSocket(addr, cancel) || startedByOldCLI() {
		go func() {
			if p.wait() == nil {
				cancel()
			}
		}()
	}
	return ctx, cancel
}

// waitForSocket calls ended when the Docker CLI closes the socket with an address. It may have done that before the plugin
// connects, which socket.ConnectAndWait does not notice. It returns false if the system has no UNIX sockets.
func waitForSocket(addr string, ended func()) bool {
	const wsaNoSuchFamily = syscall.Errno(10047) // of Windows
	conn, err := net.Dial("unix", addr)
	if errors.Is(err, wsaNoSuchFamily) || errors.Is(err, syscall.EAFNOSUPPORT) {
		return false
	}
	if err != nil {
		ended()
		return true
	}
	go func() {
		_, _ = conn.Read(make([]byte, 1)) // the CLI sends nothing
		conn.Close()
		ended()
	}()
	return true
}

// startedByOldCLI reports whether a Docker CLI older than 24 started the plugin.
func startedByOldCLI() bool {
	return os.Getenv(socket.EnvKey) == "" && os.Getenv(metadata.ReexecEnvvar) != ""
}
