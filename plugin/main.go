// docker-nsjoin is a Docker CLI plugin that runs a command in the namespaces of
// a container.
package main

import (
	"errors"
	"os"
	"strings"

	"github.com/docker/cli/cli"
	"github.com/docker/cli/cli-plugins/metadata"
	"github.com/docker/cli/cli-plugins/plugin"
	"github.com/docker/cli/cli/command"

	"github.com/nsjoin/docker-nsjoin/pkg/exit"
)

var version = "unknown" // set by the linker

func main() {
	os.Exit(exit.Report(os.Stderr, run()))
}

// run is plugin.Run of the Docker CLI, but for the exit status of an error,
// which is 125 there only where docker run has it.
func run() error {
	dockerCLI, err := command.NewDockerCli()
	if err != nil {
		return err
	}
	err = plugin.RunPlugin(dockerCLI, newCommand(dockerCLI), pluginMetadata())
	if status, ok := errors.AsType[cli.StatusError](err); ok {
		return exit.With(exit.Failed, errors.New(firstLine(status.Error())))
	}
	return err
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

func firstLine(text string) string {
	line, _, _ := strings.Cut(text, "\n")
	return line
}
