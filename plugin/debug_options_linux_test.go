//go:build linux

package main

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/nsjoin/docker-nsjoin/pkg/command/debug"
	"github.com/nsjoin/docker-nsjoin/pkg/command/run"
	"github.com/nsjoin/docker-nsjoin/pkg/dockercli"
	"github.com/nsjoin/docker-nsjoin/pkg/exit"
	"github.com/nsjoin/docker-nsjoin/plugin/metadata"
)

// debugOption is a row for an option of docker nsjoin.
type debugOption struct {
	flag string
	// args are what the option is tried with. WEB and OTHER are replaced by the names of containers.
	args []string
	// refused is what debug prints if it refuses the option; nil if it does what docker nsjoin does with it.
	refused *regexp.Regexp
}

const (
	allNamespaces = `debug: --%s: the command is in all of the container's namespaces\nhint: .*docker nsjoin --%[1]s runs a command without the toolbox`
	ofSwarm       = `debug: --%s: debug takes a container of one engine\nhint: .*--context`
)

// debugOptions has each option of docker nsjoin.
func debugOptions() []debugOption {
	rows := []debugOption{
		{flag: "data-root", args: []string{"--data-root", "/nowhere", "WEB", "true"}},
		{flag: "detach", args: []string{"--detach", "WEB", "busybox", "true"}},
		{flag: "detach-keys", args: []string{"--detach-keys", "not-a-key", "WEB", "true"}},
		{flag: "dry-run", args: []string{"--dry-run", "WEB", "busybox", "rm", "/tmp/never"}},
		{flag: "env", args: []string{"--env", "ONE=1", "--env", "USER", "WEB", "busybox", "sh", "-c", "echo $ONE $USER"}},
		{flag: "env-file", args: []string{"--env-file", "env", "WEB", "busybox", "sh", "-c", "echo $TWO"}},
		{flag: "format", args: []string{"--format", "json", "WEB", "true"}},
		{flag: "helper-image", args: []string{"--via", "engine", "--helper-image", testImage, "WEB", "busybox", "id"}},
		{flag: "helper-image", args: []string{"--via", "engine", "--helper-image", "nosuch", "WEB", "busybox", "id"}},
		{flag: "interactive", args: []string{"--interactive", "WEB", "busybox", "cat"}},
		{flag: "names", args: []string{"--names", "container:OTHER", "WEB", "busybox", "cat", "/etc/hostname", "/etc/hosts", "/etc/resolv.conf"}},
		{flag: "names", args: []string{"--names", "host", "WEB", "busybox", "cat", "/etc/hostname", "/etc/hosts", "/etc/resolv.conf"}},
		{flag: "no-engine", args: []string{"--no-engine", "WEB", "busybox", "id"}},
		{flag: "no-tty", args: []string{"--no-tty", "WEB", "busybox", "tty"}},
		{flag: "trust-container", args: []string{"--trust-container", "WEB", "busybox", "id"}},
		{flag: "tty", args: []string{"--tty", "WEB", "busybox", "tty"}},
		{flag: "user", args: []string{"--user", "app:extra", "WEB", "busybox", "id"}},
		{flag: "user", args: []string{"--user", "nosuch", "WEB", "busybox", "id"}},
		{flag: "via", args: []string{"--via", "engine", "WEB", "busybox", "id"}},
		{flag: "via", args: []string{"--via", "nosuch", "WEB", "busybox", "id"}},
		{flag: "workdir", args: []string{"--workdir", "/etc", "WEB", "busybox", "pwd"}},
		{flag: "workdir", args: []string{"--workdir", "/nosuch", "WEB", "busybox", "pwd"}},

		{flag: "network", args: []string{"--network", "container:OTHER", "WEB", "true"}, refused: regexp.MustCompile(`--network: "web-[^"]*" runs, and a command in it has its networks and volumes\nhint: with --copy`)},
		{flag: "privileged", args: []string{"--privileged", "WEB", "true"}, refused: regexp.MustCompile(`debug: --privileged: a profile says which rights are added\nhint: --profile admin `)},
		{flag: "version", args: []string{"--version"}, refused: regexp.MustCompile(`debug: --version: it is an option of the whole program\nhint: docker nsjoin --version$`)},
	}
	refused := func(text string, flags ...string) {
		for _, flag := range flags {
			why := regexp.MustCompile(strings.NewReplacer("%s", flag, "%[1]s", flag).Replace(text))
			rows = append(rows, debugOption{flag: flag, args: []string{"--" + flag, "host", "WEB", "true"}, refused: why})
		}
	}
	refused(allNamespaces, "cgroupns", "except", "ipc", "mnt", "net", "only", "pid", "time", "userns", "uts")
	refused(ofSwarm, "confirm-nodes", "node-context", "swarm")
	return rows
}

// Each option of docker nsjoin does the same with debug, or is refused by an error with a hint.
func TestDebugOptions(t *testing.T) {
	c := newCaller(t)
	if err := os.WriteFile(filepath.Join(c.dir, "work", "env"), []byte("TWO=2\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	names := strings.NewReplacer("WEB", c.container(t), "OTHER", c.container(t, "--hostname", "other", "--add-host", "db.example:192.0.2.1"))
	podman := engineOfTest(t).kinds["podman"]
	for _, row := range debugOptions() {
		if podman && row.flag == "helper-image" {
			continue // its helper gets no image of the user's choice
		}
		args := slices.Clone(row.args)
		for i, word := range args {
			args[i] = names.Replace(word)
		}
		status, got := c.withInput(t, append([]string{"nsjoin", "debug"}, args...))
		if row.refused != nil {
			if status != exit.Failed || !row.refused.MatchString(got) {
				t.Errorf("debug %q: exit status %d\n%s\nwant %s", args, status, got, row.refused)
			}
			continue
		}
		wantStatus, want := c.withInput(t, append([]string{"nsjoin"}, args...))
		if row.flag == "dry-run" {
			got, _, _ = strings.Cut(got, "\n") // the rest is the plan
			want, _, _ = strings.Cut(want, "\n")
		}
		want, got = withoutHelp(want), withoutHelp(got)
		if status != wantStatus || got != want || got == "" && row.flag != "detach" {
			t.Errorf("debug %q: exit status %d\n%s\nwithout debug: %d\n%s", args, status, got, wantStatus, want)
		}
	}
}

// withInput runs a command of the Docker CLI with some input, and returns its status and what it prints.
func (c caller) withInput(t *testing.T, args []string) (status int, printed string) {
	t.Helper()
	cmd := c.docker(args...)
	var out bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader("text\n"), &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return ended(t, cmd), strings.TrimSpace(out.String())
}

// withoutHelp removes the hint that names the command's help, and the tools from a PATH.
func withoutHelp(text string) string {
	return regexp.MustCompile(`\nhint: .* --help shows the options$`).ReplaceAllString(text, "")
}

// TestDebugOptions has all options, and those that debug has are the same.
func TestDebugOptionsAreComplete(t *testing.T) {
	cli := dockercli.New(exit.Plugin, nil, metadata.Version, nil)
	own := run.New(cli, metadata.Version, func() []*cobra.Command { return nil }).Flags()
	ofDebug := debug.New(cli).Flags()
	rows := debugOptions()
	own.VisitAll(func(f *pflag.Flag) {
		has := ofDebug.Lookup(f.Name)
		i := slices.IndexFunc(rows, func(row debugOption) bool { return row.flag == f.Name })
		switch {
		case i < 0:
			t.Errorf("--%s has no row", f.Name)
		case f.Name == "network": // another spelling of --net, and of debug an option of its own
		case (has == nil) != (rows[i].refused != nil):
			t.Errorf("--%s: its row says that it is refused: %t", f.Name, rows[i].refused != nil)
		case has != nil && (has.Shorthand != f.Shorthand || has.Usage != f.Usage || has.DefValue != f.DefValue || has.Value.Type() != f.Value.Type()):
			t.Errorf("--%s is %+v, and of debug %+v", f.Name, f, has)
		}
	})
	for _, row := range rows {
		if own.Lookup(row.flag) == nil {
			t.Errorf("docker nsjoin has no --%s", row.flag)
		}
	}
}
