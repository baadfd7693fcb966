package execopts

import (
	"fmt"

	"github.com/nsjoin/docker-nsjoin/pkg/audit"
	"github.com/nsjoin/docker-nsjoin/pkg/dockercli"
)

// AuditOf returns what the records of a join say about the client, and whether its configuration asks
// for records. Call it once the engine's address is known.
func AuditOf(cli *dockercli.CLI) (audit.Request, error) {
	asked := audit.Request{Endpoint: cli.Address()}
	config, err := cli.Config()
	if err != nil {
		return asked, err
	}
	if asked.Settings, err = audit.Parse(config.Plugins[dockercli.ConfigSection]); err != nil {
		return asked, fmt.Errorf("plugins.%s of %s: %w", dockercli.ConfigSection, config.Filename, err)
	}
	asked.Context, err = cli.Context()
	return asked, err
}
