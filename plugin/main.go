// docker-nsjoin is a Docker CLI plugin that runs a command in the namespaces of
// a container.
package main

import (
	"context"
	"encoding/json"
	"io"
	"log"
	"os"

	"github.com/docker/cli/cli-plugins/metadata"
	"github.com/docker/cli/cli-plugins/socket"

	"github.com/nsjoin/docker-nsjoin/pkg/exit"
)

var version = "unknown" // set by the linker

// keeperArg as the only argument makes the plugin a keeper of the caller's terminal. The Docker CLI
// always gives it the name of the command first.
const keeperArg = "keep-terminal"

func main() {
	os.Exit(exit.Report(os.Stderr, run()))
}

// run does what the Docker CLI's package plugin does for its plugins, which costs
// a millisecond twice in every call. The exit status of an error is 125.
func run() error {
	cli := newParent()
	if len(os.Args) == 2 && os.Args[1] == keeperArg {
		return keepTerminal()
	}
	if len(os.Args) == 2 && os.Args[1] == metadata.MetadataSubcommandName {
		out := json.NewEncoder(os.Stdout)
		out.SetEscapeHTML(false)
		return out.Encode(pluginMetadata())
	}
	log.SetOutput(io.Discard) // the HTTP client's remarks about a strange engine; ours is said once
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	socket.ConnectAndWait(cancel) // the CLI closes it when it gets a signal and there is no terminal
	if startedByOldCLI() {
		go func() {
			if cli.wait() == nil {
				cancel()
			}
		}()
	}
	return newRoot(cli).ExecuteContext(ctx)
}

// startedByOldCLI tells whether a Docker CLI older than 24 started us. It has no socket to tell
// its plugins of its end by; that is noticed by its process.
func startedByOldCLI() bool {
	return os.Getenv(socket.EnvKey) == "" && os.Getenv(metadata.ReexecEnvvar) != ""
}

func pluginMetadata() metadata.Metadata {
	return metadata.Metadata{
		SchemaVersion:    "0.1.0",
		Vendor:           "docker-nsjoin",
		Version:          version,
		ShortDescription: short,
		URL:              "https://github.com/nsjoin/docker-nsjoin",
	}
}
