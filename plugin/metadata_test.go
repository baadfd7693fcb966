package main

import (
	"encoding/json"
	"maps"
	"os"
	"testing"
)

// docker-plugin.json is the plugin's answer to docker-cli-plugin-metadata, without the version,
// which depends on the build.
func TestPluginFileIsTheAnswer(t *testing.T) {
	text, err := os.ReadFile("../docker-plugin.json")
	if err != nil {
		t.Fatal(err)
	}
	file := fields(t, text)
	text, err = json.Marshal(pluginMetadata())
	if err != nil {
		t.Fatal(err)
	}
	answer := fields(t, text)
	if answer["Version"] != version {
		t.Errorf("the answer's version is %q, want the build's %q", answer["Version"], version)
	}
	delete(answer, "Version")
	if !maps.Equal(file, answer) {
		t.Errorf("docker-plugin.json has %q, the plugin answers %q", file, answer)
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
