//go:build !windows

package main

import (
	"bytes"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"testing"

	"github.com/docker/cli/cli-plugins/metadata"
)

// The answer about the plugin comes before the packages are initialized that take most of the time.
func TestMetadataBeforeOtherPackages(t *testing.T) {
	cmd := exec.Command("../build/docker-nsjoin", metadata.MetadataSubcommandName)
	cmd.Env = append(os.Environ(), "GODEBUG=inittrace=1")
	var trace bytes.Buffer
	cmd.Stderr = &trace
	if out, err := cmd.Output(); err != nil || !bytes.Contains(out, []byte(`"SchemaVersion":"0.1.0"`)) {
		t.Fatalf("%q, %v: make build", out, err)
	}
	var names []string
	for _, line := range regexp.MustCompile(`(?m)^init (\S+) @`).FindAllSubmatch(trace.Bytes(), -1) {
		names = append(names, string(line[1]))
	}
	const limit = 30
	if n := len(names); n == 0 || n > limit || slices.Contains(names, "encoding/json") || slices.Contains(names, "regexp") {
		t.Errorf("%d packages are initialized before, want at most %d: %q", n, limit, names)
	}
}
