// docker-nsjoin is a Docker CLI plugin that runs a command in the namespaces of
// a container.
package main

import (
	"encoding/json"
	"io"
	"log"
	"os"

	"github.com/docker/cli/cli-plugins/metadata"

	"github.com/nsjoin/docker-nsjoin/pkg/attach"
	"github.com/nsjoin/docker-nsjoin/pkg/command/run"
	"github.com/nsjoin/docker-nsjoin/pkg/dockercli"
	"github.com/nsjoin/docker-nsjoin/pkg/exit"
)

var version = "unknown" // set by the linker

func main() {
	os.Exit(exit.Report(os.Stderr, execute()))
}

// execute does what the Docker CLI's package plugin does for its plugins, which costs a millisecond
// twice in every call. The exit status of an error is 125.
func execute() error {
	parent := dockercli.FindParent()
	switch {
	case len(os.Args) == 2 && os.Args[1] == attach.KeeperArg:
		return attach.KeepTerminal()
	case len(os.Args) == 2 && os.Args[1] == metadata.MetadataSubcommandName:
		out := json.NewEncoder(os.Stdout)
		out.SetEscapeHTML(false)
		return out.Encode(pluginMetadata())
	}
	log.SetOutput(io.Discard) // the HTTP client's remarks about a broken engine, which an error repeats
	ctx, cancel := parent.Context()
	defer cancel()
	return newRoot(parent, os.Args).ExecuteContext(ctx)
}

func pluginMetadata() metadata.Metadata {
	return metadata.Metadata{
		SchemaVersion:    "0.1.0",
		Vendor:           "docker-nsjoin",
		Version:          version,
		ShortDescription: run.Short,
		URL:              "https://github.com/nsjoin/docker-nsjoin",
	}
}
