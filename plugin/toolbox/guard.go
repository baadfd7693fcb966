package main

import (
	"os"
	"time"
)

// guard keeps Go's own packages from files of the container that can't be what they should be. Package time reads
// /etc/localtime, where a FIFO would be waited for.
func guard() {
	const limit = 1 << 20 // bytes
	if info, err := os.Stat("/etc/localtime"); err != nil || !info.Mode().IsRegular() || info.Size() > limit {
		if os.Getenv("TZ") == "" {
			time.Local = time.UTC
		}
	}
}
