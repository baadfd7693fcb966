package main

import (
	"slices"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/nsjoin/docker-nsjoin/pkg/command/run"
	"github.com/nsjoin/docker-nsjoin/pkg/dockercli"
	"github.com/nsjoin/docker-nsjoin/pkg/exit"
	"github.com/nsjoin/docker-nsjoin/plugin/metadata"
)

// nsjoin takes docker's global options among its own, so no name and no letter may mean two things: cobra
// would silently take nsjoin's for a name, and end the program for a letter.
func TestGlobalOptionsAreNoneOfOurs(t *testing.T) {
	cli := dockercli.New(exit.Plugin, nil, metadata.Version, nil)
	own := run.New(cli, metadata.Version, func() []*cobra.Command { return nil }).Flags()
	docker := cli.Root(&cobra.Command{Use: "nsjoin"}).Flags()
	n := 0
	docker.VisitAll(func(f *pflag.Flag) {
		n++
		if own.Lookup(f.Name) != nil || f.Shorthand != "" && own.ShorthandLookup(f.Shorthand) != nil {
			t.Errorf("--%s (-%s) is docker's and nsjoin's", f.Name, f.Shorthand)
		}
	})
	if n == 0 {
		t.Error("docker has no options")
	}
}

// Each command below nsjoin is there for its own name and for help; completion is not docker nsjoin's.
func TestCommandsByName(t *testing.T) {
	for _, row := range []struct {
		name  exit.Name
		typed []string
		want  []string
	}{
		{exit.Plugin, []string{"nsjoin", "ls"}, []string{"ls"}},
		{exit.Plugin, []string{"nsjoin", "web", "ls"}, nil},
		{exit.Plugin, []string{"nsjoin", "completion"}, nil},
		{exit.Plugin, []string{"nsjoin", "--help"}, []string{"connect", "debug", "each", "entrypoint", "forward", "inspect", "ls", "mount", "umount"}},
		{exit.Standalone, []string{"-D", "ls"}, []string{"ls"}},
		{exit.Standalone, []string{"web", "ls"}, nil},
		{exit.Standalone, []string{"--", "ls"}, nil},
		{exit.Standalone, []string{"completion"}, []string{"completion"}},
		{exit.Standalone, []string{"--help"}, []string{"completion", "connect", "debug", "each", "entrypoint", "forward", "inspect", "ls", "mount", "umount"}},
	} {
		root := newRoot(dockercli.New(row.name, nil, metadata.Version, row.typed))
		nsjoin, _, err := root.Find([]string{"nsjoin"})
		if row.name == exit.Standalone {
			nsjoin, err = root, nil
		}
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, cmd := range nsjoin.Commands() {
			got = append(got, cmd.Name())
		}
		if !slices.Equal(got, row.want) {
			t.Errorf("%s %q has %q, want %q", row.name, row.typed, got, row.want)
		}
	}
}
