package main

import (
	"fmt"
	"net/url"
	"os"

	"github.com/nsjoin/docker-nsjoin/pkg/audit"
)

// configSection is ours below plugins in the Docker CLI's configuration file.
const configSection = "nsjoin"

// askAudit is what the records of a join are to say of the client, and whether its
// configuration asks for any. It is called once the endpoint is known.
func (c *dockerCLI) askAudit() (audit.Request, error) {
	asked := audit.Request{Endpoint: withoutPassword(c.endpoint)}
	var err error
	if asked.Settings, err = audit.Parse(c.config.Plugins[configSection]); err != nil {
		return asked, fmt.Errorf("plugins.%s of %s: %w", configSection, c.config.Filename, err)
	}
	asked.Context, err = c.Context()
	return asked, err
}

func withoutPassword(endpoint string) string {
	at, err := url.Parse(endpoint)
	if err != nil {
		return "" // nobody knows where a password is in it
	}
	return at.Redacted()
}

// claim is what a client on another machine says of its caller.
func claim() *audit.Caller {
	c := &audit.Caller{UID: os.Getuid(), EUID: os.Geteuid()}
	c.Login, c.Session, c.Terminal = login()
	c.Host, _ = os.Hostname()
	return c
}
