package dockercli

import (
	"fmt"
	"os"
	"time"

	"github.com/nsjoin/docker-nsjoin/pkg/engine"
)

// ConfigSection is the plugin's part of the Docker CLI's configuration file, below "plugins".
const ConfigSection = "nsjoin"

// The setting that keeps a helper's container for later calls. The variable has precedence.
const (
	keepSetting  = "keep"
	keepVariable = "DOCKER_NSJOIN_KEEP"
)

// maxKeep is the longest time that a helper's container may stay.
const maxKeep = 24 * time.Hour

// keep returns whether a helper's container stays for later calls. A user who says so by the variable means this
// engine, also if it has an authorization plugin.
func (c *CLI) keep() (engine.Keep, error) {
	if value := os.Getenv(keepVariable); value != "" {
		keep, err := parseKeep(value)
		if err != nil {
			return engine.Keep{}, fmt.Errorf("%s: %w", keepVariable, err)
		}
		return engine.Keep{Time: keep, WithPolicy: true}, nil
	}
	value := c.config.Plugins[ConfigSection][keepSetting]
	if value == "" {
		return engine.Keep{}, nil
	}
	keep, err := parseKeep(value)
	if err != nil {
		return engine.Keep{}, fmt.Errorf("plugins.%s.%s of %s: %w", ConfigSection, keepSetting, c.config.Filename, err)
	}
	return engine.Keep{Time: keep}, nil
}

// parseKeep parses a time; "0" and "off" mean that nothing is kept.
func parseKeep(value string) (time.Duration, error) {
	if value == "off" {
		return 0, nil
	}
	keep, err := time.ParseDuration(value)
	if err != nil || keep < 0 || keep > maxKeep || keep != keep.Truncate(time.Second) {
		return 0, fmt.Errorf("%q is not off or a time in whole seconds such as 30s or 5m, up to 24h", value)
	}
	return keep, nil
}
