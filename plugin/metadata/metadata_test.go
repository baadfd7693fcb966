package metadata

import (
	"encoding/json"
	"maps"
	"os"
	"testing"

	"github.com/docker/cli/cli-plugins/metadata"

	debugcommand "github.com/nsjoin/docker-nsjoin/pkg/command/debug"
	"github.com/nsjoin/docker-nsjoin/pkg/command/run"
	"github.com/nsjoin/docker-nsjoin/pkg/dockercli"
	"github.com/nsjoin/docker-nsjoin/pkg/exit"
)

func TestNames(t *testing.T) {
	if subcommand != metadata.MetadataSubcommandName || standalone != string(exit.Standalone) || Description != run.Short {
		t.Errorf("%q, %q and %q are not those of other packages", subcommand, standalone, Description)
	}
	if short := debugcommand.New(dockercli.New(exit.Plugin, nil, Version, nil)).Short; debugDescription != short {
		t.Errorf("%q is not debug's own %q", debugDescription, short)
	}
	if !IsDebug([]string{"/x/docker-debug", "debug"}) || IsDebug([]string{"/x/docker-nsjoin", "docker-debug"}) || IsDebug(nil) {
		t.Error("IsDebug mistakes a name")
	}
	for _, row := range []struct {
		args []string
		want bool
	}{
		{[]string{"/usr/libexec/docker/cli-plugins/docker-nsjoin", subcommand}, true},
		{[]string{"nsjoin", subcommand}, false}, // a container of this name
		{[]string{"docker-nsjoin", "nsjoin", subcommand}, false},
		{[]string{"docker-nsjoin", subcommand, "x"}, false},
		{[]string{"docker-nsjoin"}, false},
		{[]string{"/usr/libexec/docker/cli-plugins/docker-debug", subcommand}, true},
		{nil, false},
	} {
		if got := Asked(row.args); got != row.want {
			t.Errorf("Asked(%q) = %v", row.args, got)
		}
	}
}

// docker-plugin.json is the plugin's answer to docker-cli-plugin-metadata, without the version,
// which depends on the build.
func TestPluginFileIsTheAnswer(t *testing.T) {
	text, err := os.ReadFile("../../docker-plugin.json")
	if err != nil {
		t.Fatal(err)
	}
	file, found := fields(t, text), fields(t, []byte(answer(Description)))
	if found["Version"] != Version {
		t.Errorf("the answer's version is %q, want the build's %q", found["Version"], Version)
	}
	delete(found, "Version")
	if !maps.Equal(file, found) {
		t.Errorf("docker-plugin.json has %q, the plugin answers %q", file, found)
	}
	var known metadata.Metadata
	if err := json.Unmarshal([]byte(answer(Description)), &known); err != nil || known.ShortDescription != Description {
		t.Errorf("the Docker CLI reads %+v, %v", known, err)
	}
}

func fields(t *testing.T, text []byte) map[string]string {
	t.Helper()
	var all map[string]string
	if err := json.Unmarshal(text, &all); err != nil {
		t.Fatal(err)
	}
	return all
}
