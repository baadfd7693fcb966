package container_test

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/nsjoin/docker-nsjoin/pkg/engine"
	"github.com/nsjoin/docker-nsjoin/pkg/forward/container"
	"github.com/nsjoin/docker-nsjoin/pkg/request"
)

// Who reaches what listens in a container: also the whole host, by way of another container.
func TestShared(t *testing.T) {
	list := []engine.Container{
		{ID: "aa", Name: "alone", NetworkMode: "bridge"},
		{ID: "bb", Name: "host", NetworkMode: "host"},
		{ID: "cc", Name: "in-host", NetworkMode: "container:bb"},
		{ID: "dd", Name: "owner", NetworkMode: "bridge"},
		{ID: "ee", Name: "in-owner", NetworkMode: "container:dd"},
		{ID: "ff", Name: "too", NetworkMode: "container:dd"},
	}
	modes := make(map[string]string)
	for _, c := range list {
		modes[c.ID] = c.NetworkMode
	}
	for id, want := range map[string]string{
		"aa": "", "bb": container.HostNetwork, "cc": container.HostNetwork, "dd": "in-owner, too", "ee": "owner, too",
	} {
		var answers engine.Answers
		if err := json.Unmarshal(fmt.Appendf(nil, `{"x": {"Id": %q, "HostConfig": {"NetworkMode": %q}}}`, id, modes[id]), &answers); err != nil {
			t.Fatal(err)
		}
		if got := container.Shared(&request.Container{ID: id}, answers, list); got != want {
			t.Errorf("%s: %q instead of %q", id, got, want)
		}
	}
}
