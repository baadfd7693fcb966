package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/list"
)

// words are tools for which --help is an argument as any other.
var words = strings.Fields("[ echo expr false printf test true yes")

// option is a line of a tool's help: -n, --number int  ...
var option = regexp.MustCompile(`(?m)^ +(?:(-[^-\s,])(?:, )?)?(--[\w.-]+)?`)

// noName are names that an option has only since package pflag wants one: --Recursive, --level-1.
var noName = regexp.MustCompile(`^--([A-Z].*|level-\d|.*-r|.)$`)

// writeOptions writes a line for each tool of this module: its name and its options, as its --help prints them.
func writeOptions(to io.Writer) error {
	dir, err := os.MkdirTemp("", "toolbox")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	program := filepath.Join(dir, "toolbox")
	if err := run(".", os.Environ(), "go", "build", "-o", program, "."); err != nil {
		return err
	}
	var names []string
	for _, t := range list.Tools {
		if t.Command == "" {
			names = append(names, t.Names...)
		}
	}
	slices.Sort(names)
	for _, name := range names {
		if slices.Contains(words, name) {
			continue
		}
		text, err := help(program, name)
		if err != nil {
			return err
		}
		if _, err := fmt.Fprintln(to, name+" "+text); err != nil {
			return err
		}
	}
	return nil
}

// help returns the options in a tool's help, or its usage line if that has them.
func help(program, name string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	text, err := exec.CommandContext(ctx, program, name, "--help").CombinedOutput()
	if ctx.Err() != nil {
		return "", fmt.Errorf("%s --help does not end: %w", name, err)
	}
	var found []string
	for _, match := range option.FindAllStringSubmatch(string(text), -1) {
		short, long := match[1], match[2]
		if short != "" && noName.MatchString(long) {
			long = ""
		}
		switch {
		case short != "" && long != "":
			found = append(found, short+"|"+long)
		case short != "":
			found = append(found, short)
		case long != "":
			found = append(found, long)
		}
	}
	if len(found) > 0 {
		return strings.Join(found, " "), nil
	}
	for line := range strings.Lines(string(text)) {
		if usage, ok := strings.CutPrefix(strings.TrimSpace(line), "usage: "+name+" "); ok {
			return usage, nil
		}
	}
	return "", nil
}
