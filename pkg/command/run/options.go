package run

import (
	"errors"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/nsjoin/docker-nsjoin/pkg/dockercli"
	"github.com/nsjoin/docker-nsjoin/pkg/joinopts"
	"github.com/nsjoin/docker-nsjoin/pkg/nodes"
	"github.com/nsjoin/docker-nsjoin/pkg/request"
)

// options are the values of the flags.
type options struct {
	joinopts.Options

	swarm       bool
	nodes       nodes.Options
	subcommands func() []*cobra.Command
	usage       string
}

func (o *options) addTo(flags *pflag.FlagSet) {
	o.AddTo(flags)
	flags.BoolVar(&o.swarm, "swarm", false, "CONTAINER is a task of a Docker Swarm, SERVICE.SLOT or SERVICE.ID, on any node")
	o.nodes.AddTo(flags)
	flags.Bool("version", false, "Print the version") // cobra's own has -v
}

// request makes a Request from the flags and arguments. noBase says that the arguments began with --.
func (o *options) request(args []string, noBase bool) (*request.Request, error) {
	base, command := request.Host(), args
	if !noBase {
		if len(args) == 0 {
			return nil, dockercli.UsageError(errors.New("which container? " + o.usage))
		}
		var err error
		if base, err = request.ParseBase(args[0]); err != nil {
			return nil, dockercli.UsageError(err)
		}
		command = args[1:]
	}
	r, err := o.Request(base, command)
	if err == nil {
		r.NotFoundHint = o.commandHint(args, noBase)
	}
	return r, err
}
