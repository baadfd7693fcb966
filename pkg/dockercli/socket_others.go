//go:build !linux

package dockercli

import "os"

// Watched returns nil: no program takes the plugin's place here.
func (Parent) Watched() (*os.File, error) { return nil, nil }
