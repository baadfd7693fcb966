package dockercli

import (
	"slices"
	"strings"
	"testing"

	"github.com/docker/cli/cli-plugins/metadata"
	"github.com/docker/cli/cli-plugins/socket"

	"github.com/nsjoin/docker-nsjoin/pkg/exit"
)

func TestCalledAs(t *testing.T) {
	for program, want := range map[string]exit.Name{
		"nsjoin":          exit.Standalone,
		"./nsjoin":        exit.Standalone,
		"/usr/bin/nsjoin": exit.Standalone,
		"docker-nsjoin":   exit.Plugin,
		"/root/.docker/cli-plugins/docker-nsjoin": exit.Plugin,
		"/opt/nsjoin/plugin":                      exit.Plugin,
		"nsjoin2":                                 exit.Plugin,
		"":                                        exit.Plugin,
	} {
		if got := CalledAs([]string{program, "docker-nsjoin"}); got != want {
			t.Errorf("%q: %q, want %q", program, got, want)
		}
	}
	if got := CalledAs(nil); got != exit.Plugin {
		t.Errorf("no words: %q", got)
	}
}

// The global options end at the first word that is none of them, nor the value of one.
func TestWords(t *testing.T) {
	for _, row := range []struct {
		name             exit.Name
		typed, glob, own string
	}{
		{exit.Plugin, "nsjoin web true", "", "web true"},
		{exit.Plugin, "-c nsjoin nsjoin web", "-c nsjoin", "web"},
		{exit.Plugin, "--context=a -DH tcp://h nsjoin -it web nsjoin", "--context=a -DH tcp://h", "-it web nsjoin"},
		{exit.Plugin, "__complete nsjoin ls x", "", "ls x"},
		{exit.Plugin, "__completeNoDesc --tls nsjoin ls x", "--tls", "ls x"},
		{exit.Plugin, "help nsjoin", "", ""},
		{exit.Plugin, "", "", ""},
		{exit.Standalone, "nsjoin true", "", "nsjoin true"}, // a container of that name
		{exit.Standalone, "-c nsjoin web", "-c nsjoin", "web"},
		{exit.Standalone, "-Htcp://h --tlsverify=false ls -q", "-Htcp://h --tlsverify=false", "ls -q"},
		{exit.Standalone, "-it -H tcp://h web", "", "-it -H tcp://h web"}, // they are parsed with the others
		{exit.Standalone, "-Di -H tcp://h web", "", "-Di -H tcp://h web"},
		{exit.Standalone, "-D -- ls", "-D", "-- ls"},
		{exit.Standalone, "__complete -D ls x", "-D", "ls x"},
		{exit.Standalone, "help me", "", "help me"},
		{exit.Standalone, "--config", "--config", ""},
		{exit.Standalone, "- -h", "", "- -h"},
	} {
		got := New(row.name, nil, "1", strings.Fields(row.typed)).Words
		if !slices.Equal(got.Global, strings.Fields(row.glob)) || !slices.Equal(got.Own, strings.Fields(row.own)) {
			t.Errorf("%s: %q gives %q and %q", row.name, row.typed, got.Global, got.Own)
		}
	}
}

// Without a Docker CLI nothing but the program itself ends it, whatever a CLI around it has left in the
// environment.
func TestNoParent(t *testing.T) {
	t.Setenv(socket.EnvKey, "@no-such-socket")
	t.Setenv(metadata.ReexecEnvvar, "docker")
	var none *Parent
	if none.Gone() {
		t.Error("it is gone")
	}
	if watched, err := none.Watched(); watched != nil || err != nil {
		t.Errorf("%v is watched, %v", watched, err)
	}
	ctx, cancel := none.Context()
	if ctx.Err() != nil {
		t.Error("the context has ended")
	}
	if cancel(); ctx.Err() == nil {
		t.Error("the context was not canceled")
	}
}
