package nodes

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/pflag"

	"github.com/nsjoin/docker-nsjoin/pkg/dockercli"
	"github.com/nsjoin/docker-nsjoin/pkg/exit"
	"github.com/nsjoin/docker-nsjoin/pkg/printable"
	"github.com/nsjoin/docker-nsjoin/pkg/stdio"
)

// Options are flags about the engines of nodes.
type Options struct {
	template string
	yes      bool
}

// AddTo adds the flags to a command's.
func (o *Options) AddTo(flags *pflag.FlagSet) {
	flags.StringVar(&o.template, "node-context", "", "Address of a Swarm node's engine that no context has, such as ssh://{{.Hostname}}")
	flags.BoolVar(&o.yes, "confirm-nodes", false, "Do not ask whether a context has the engine of a Swarm node")
}

// templateSetting is the setting of --node-context in the Docker CLI's configuration, below plugins.nsjoin.
const templateSetting = "node-context"

// Finder makes a Finder for the swarm of a manager. contexts are those that the user named, or nil.
func (o *Options) Finder(cli, manager *dockercli.CLI, contexts []string) (*Finder, error) {
	config, err := cli.Config()
	if err != nil {
		return nil, err
	}
	f := &Finder{CLI: cli, Manager: manager, Contexts: contexts, Template: o.template, State: cli.State(), Confirm: o.confirm}
	if f.Template == "" {
		f.Template = config.Plugins[dockercli.ConfigSection][templateSetting]
	}
	return f, nil
}

// confirm asks the user at the terminal.
func (o *Options) confirm(node, hostname, context, address string) (bool, error) {
	engine := "engine of context " + context + ", " + address
	if context == "" {
		engine = "engine at " + address
	}
	question := printable.Text(fmt.Sprintf("node %s (%s) is the %s", node, hostname, engine))
	if o.yes {
		return true, nil
	}
	if !stdio.IsTerminal(os.Stdin) || !stdio.IsTerminal(os.Stderr) {
		return false, exit.Hint(errors.New(question+": not confirmed yet"), "--confirm-nodes confirms it, for later calls too")
	}
	fmt.Fprintf(os.Stderr, "%s? [y/N] ", question)
	answer, err := bufio.NewReader(os.Stdin).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return false, err
	}
	return strings.EqualFold(strings.TrimSpace(answer), "y"), nil
}
