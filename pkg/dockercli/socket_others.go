//go:build !linux

package dockercli

import "os"

// Watched returns nil: no program replaces the plugin here.
func (*Parent) Watched() (*os.File, error) { return nil, nil }
