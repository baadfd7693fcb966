package dockercli

import (
	"encoding/csv"
	"fmt"
	"net/http"
	"os"
	"strings"

	"github.com/docker/cli/cli/connhelper"

	"github.com/nsjoin/docker-nsjoin/pkg/engine"
	"github.com/nsjoin/docker-nsjoin/pkg/engine/redial"
)

// headersVariable is a variable of the Docker CLI, from its package command.
const headersVariable = "DOCKER_CUSTOM_HEADERS"

// Engine returns the engine of the context in use. Nothing is sent to it yet.
func (c *CLI) Engine() (*engine.Connection, error) {
	endpoint, err := c.endpoint()
	if err != nil {
		return nil, fmt.Errorf("unable to resolve docker endpoint: %w", err)
	}
	c.host = endpoint.Host
	opts, err := endpoint.ClientOpts()
	if err != nil {
		return nil, err
	}
	if helper, err := connhelper.GetConnectionHelper(endpoint.Host); err == nil && helper != nil {
		opts = append(opts, redial.Option(helper.Dialer, droppedBySSH))
	}
	headers, err := c.headers()
	if err != nil {
		return nil, err
	}
	name, err := c.Context()
	if err != nil {
		return nil, err
	}
	dir := c.State()
	register := engine.Register{
		State: &dir, Endpoint: c.Address(), Context: name, Debug: c.Debug,
	}
	keep, err := c.keep()
	if err != nil {
		return nil, err
	}
	return engine.Connect(opts, "docker-nsjoin/"+c.version, headers, register, keep), nil
}

// droppedBySSH reports whether ssh(1) ended because the server hung up before the protocol began. Its exit
// status is the same for all failures, so its message is compared, which is not translated.
func droppedBySSH(err error) bool {
	return strings.Contains(err.Error(), "kex_exchange_identification: ") || strings.Contains(err.Error(), "ssh_exchange_identification: ")
}

// headers returns what the configuration or DOCKER_CUSTOM_HEADERS adds to every request: key=value pairs,
// separated by commas, in quotation marks if they contain a comma.
func (c *CLI) headers() (map[string]string, error) {
	value := os.Getenv(headersVariable)
	if value == "" {
		return c.config.HTTPHeaders, nil
	}
	fields, err := csv.NewReader(strings.NewReader(value)).Read()
	if err != nil {
		return nil, fmt.Errorf("%s: must be comma-separated key=value pairs: %w", headersVariable, err)
	}
	headers := make(map[string]string)
	for _, field := range fields {
		key, value, ok := strings.Cut(field, "=")
		if key = strings.TrimSpace(key); !ok || key == "" {
			return nil, fmt.Errorf("%s: %q is not a key=value pair", headersVariable, field)
		}
		headers[http.CanonicalHeaderKey(key)] = value
	}
	return headers, nil
}
