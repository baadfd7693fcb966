package main

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"
	"github.com/spf13/pflag"

	"github.com/nsjoin/docker-nsjoin/pkg/dockercli"
	"github.com/nsjoin/docker-nsjoin/pkg/exit"
	"github.com/nsjoin/docker-nsjoin/plugin/metadata"
)

var update = flag.Bool("update", false, "write what a test compares with: docs/reference, docs/man; docs/parity.md and its table")

// TestReference checks that docs/reference and docs/man are up to date with the commands and their flags.
// make docs writes these pages.
func TestReference(t *testing.T) {
	root := newRoot(dockercli.New(exit.Plugin, nil, metadata.Version, []string{"nsjoin", "--help"}))
	nsjoin, _, err := root.Find([]string{"nsjoin"})
	if err != nil {
		t.Fatal(err)
	}
	pages := make(map[string]string)
	for _, cmd := range withSubcommands(nsjoin) {
		cmd.DisableAutoGenTag = true
		cmd.InitDefaultHelpFlag()
		cmd.Long = tables(cmd.Long)
		name := strings.ReplaceAll(cmd.CommandPath(), " ", "-")
		pages[filepath.Join("reference", name+".md")] = markdown(t, cmd)
		pages[filepath.Join("man", name+".1")] = manual(t, cmd)
	}
	for page, want := range pages {
		file := filepath.Join("..", "docs", page)
		if *update {
			if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(file, []byte(want), 0o644); err != nil {
				t.Fatal(err)
			}
			continue
		}
		got, err := os.ReadFile(file)
		if err != nil {
			t.Errorf("%v: make docs writes it", err)
		} else if string(got) != want {
			t.Errorf("%s is not up to date: make docs writes it anew", file)
		}
	}
	files, err := filepath.Glob("../docs/*/docker-nsjoin*")
	if err != nil || len(files) != len(pages) {
		t.Errorf("%d pages, %v, of %d: %q", len(files), err, len(pages), files)
	}
}

// withSubcommands returns a command and all below it.
func withSubcommands(cmd *cobra.Command) []*cobra.Command {
	all := []*cobra.Command{cmd}
	for _, sub := range cmd.Commands() {
		all = append(all, withSubcommands(sub)...)
	}
	return all
}

// tables puts lines that begin with a space into code blocks.
func tables(text string) string {
	return regexp.MustCompile(`(?m)(^ .*\n?)+`).ReplaceAllStringFunc(text, func(table string) string {
		return "\n```\n" + strings.TrimRight(table, "\n") + "\n```\n"
	})
}

// ofDocker matches the link to the parent command docker, which has no page here.
var ofDocker = regexp.MustCompile(`(?m)^\* \[docker\].*\n`)

func markdown(t *testing.T, cmd *cobra.Command) string {
	t.Helper()
	var page bytes.Buffer
	err := doc.GenMarkdownCustom(cmd, &page, func(link string) string { return strings.ReplaceAll(link, "_", "-") })
	if err != nil {
		t.Fatal(err)
	}
	return ofDocker.ReplaceAllString(page.String(), "")
}

func manual(t *testing.T, cmd *cobra.Command) string {
	t.Helper()
	var page bytes.Buffer
	first := time.Date(2026, time.January, 1, 0, 0, 0, 0, time.UTC) // any date that does not change
	header := &doc.GenManHeader{Section: "1", Source: "docker nsjoin", Manual: "Docker CLI plugins", Date: &first}
	// The generator takes the <name|uid> of -u for a tag of HTML and drops it.
	cmd.Flags().VisitAll(func(f *pflag.Flag) { f.Usage = strings.ReplaceAll(f.Usage, "<", `\<`) })
	if err := doc.GenMan(cmd, header, &page); err != nil {
		t.Fatal(err)
	}
	return page.String()
}
