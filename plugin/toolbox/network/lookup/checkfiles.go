// Package lookup says whether names can be looked up.
package lookup

import (
	"fmt"
	"os"
)

// CheckFiles refuses to look names up where a file of the container's would be waited for: Go's resolver opens
// these without a question.
func CheckFiles() error {
	const limit = 1 << 20 // bytes
	for _, path := range []string{"/etc/resolv.conf", "/etc/hosts", "/etc/nsswitch.conf", "/etc/services", "/etc/protocols"} {
		info, err := os.Stat(path)
		if err != nil {
			continue
		}
		if !info.Mode().IsRegular() || info.Size() > limit {
			return fmt.Errorf("%s is not a regular file, or too large: names can't be looked up", path)
		}
	}
	return nil
}
