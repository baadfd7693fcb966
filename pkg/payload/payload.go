// Package payload carries the helper programs inside the plugin. scripts/helper
// puts them there before the plugin is built.
package payload

import (
	"embed"
	"fmt"
	"io/fs"
)

//go:embed helpers
var helpers embed.FS

// Helper opens the helper for Linux on an architecture, named as GOARCH is.
func Helper(arch string) (fs.File, error) {
	f, err := helpers.Open("helpers/linux_" + arch)
	if err != nil {
		return nil, fmt.Errorf("this plugin carries no helper for linux/%s: %w", arch, err)
	}
	return f, nil
}
