// docker-nsjoin is a Docker CLI plugin that runs a command in the namespaces of
// a container.
package main

import (
	"io"
	"log"
	"os"

	"github.com/nsjoin/docker-nsjoin/pkg/attach"
	"github.com/nsjoin/docker-nsjoin/pkg/confine"
	"github.com/nsjoin/docker-nsjoin/pkg/dockercli"
	"github.com/nsjoin/docker-nsjoin/pkg/dockerdebug"
	"github.com/nsjoin/docker-nsjoin/pkg/exit"
	"github.com/nsjoin/docker-nsjoin/pkg/forward/control"
	"github.com/nsjoin/docker-nsjoin/pkg/forward/detach"
	"github.com/nsjoin/docker-nsjoin/plugin/metadata"
)

func main() {
	name := dockercli.CalledAs(os.Args)
	os.Exit(name.Report(os.Stderr, execute(name)))
}

// execute does what the Docker CLI's package plugin does for its plugins, which costs a millisecond
// twice in every call. Under the name nsjoin it does what the CLI itself would have done. The exit status
// of an error is 125.
func execute(name exit.Name) error {
	switch {
	case len(os.Args) == 2 && os.Args[1] == attach.KeeperArg:
		return attach.KeepTerminal()
	case len(os.Args) == 2 && os.Args[1] == confine.Arg:
		return confine.Serve()
	case len(os.Args) == 2 && os.Args[1] == control.GuardArg:
		return control.RunGuard()
	case metadata.Asked(os.Args): // its answer could not be written
		return metadata.Write(os.Stdout)
	}
	if metadata.IsDebug(os.Args) {
		call, err := dockerdebug.Translate(os.Args[1:], dockercli.GlobalWords)
		switch {
		case err != nil:
			return err
		case call.Help != "":
			_, err := io.WriteString(os.Stdout, call.Help)
			return err
		case call.Warning != "":
			name.Warn(os.Stderr, call.Warning)
		}
		os.Args = append(os.Args[:1:1], call.Words...)
	}
	inBackground := len(os.Args) > 1 && os.Args[1] == detach.Arg
	if inBackground {
		os.Args = append(os.Args[:1:1], os.Args[2:]...)
	}
	var parent *dockercli.Parent
	if name == exit.Plugin && !inBackground {
		parent = dockercli.FindParent()
	}
	log.SetOutput(io.Discard) // the HTTP client logs problems that are reported as errors too
	ctx, cancel := parent.Context()
	defer cancel()
	cli := dockercli.New(name, parent, metadata.Version, os.Args[1:])
	cli.Background = inBackground
	return cli.Execute(ctx, newRoot(cli))
}
