package dockercli

import (
	"context"
	"os"

	"github.com/docker/cli/cli-plugins/metadata"
	"github.com/docker/cli/cli-plugins/socket"
)

// Context returns a context that ends when the Docker CLI tells its plugins to end: it closes their
// socket when it gets a signal and has no terminal, or dies. The end of a CLI older than 24, which has
// no such socket, is noticed by its process.
func (p Parent) Context() (ctx context.Context, cancel context.CancelFunc) {
	ctx, cancel = context.WithCancel(context.Background())
	socket.ConnectAndWait(cancel)
	if startedByOldCLI() {
		go func() {
			if p.wait() == nil {
				cancel()
			}
		}()
	}
	return ctx, cancel
}

// startedByOldCLI tells whether a Docker CLI older than 24 started the plugin.
func startedByOldCLI() bool {
	return os.Getenv(socket.EnvKey) == "" && os.Getenv(metadata.ReexecEnvvar) != ""
}
