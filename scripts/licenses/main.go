// licenses lists the modules that are linked into the plugin or the helper on any
// system, with their licenses, as docs/licenses.md; with -texts it prints the
// texts themselves, which go with every copy of the program:
//
//	go run ./scripts/licenses [-texts]
//
// A module without a license, or with one that isn't known here, is an error.
package main

import (
	"bufio"
	"bytes"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
)

// systems are those that modules differ by; architectures make no difference.
var systems = []string{"linux", "darwin", "windows"}

func main() {
	texts := flag.Bool("texts", false, "print the texts")
	flag.Parse()
	if err := run(os.Stdout, *texts); err != nil {
		fmt.Fprintln(os.Stderr, "licenses:", err)
		os.Exit(1)
	}
}

func run(to io.Writer, texts bool) error {
	modules, err := linked()
	if err != nil {
		return err
	}
	for i := range modules {
		if err := modules[i].read(); err != nil {
			return fmt.Errorf("%s: %w", modules[i].path, err)
		}
	}
	w := bufio.NewWriter(to)
	if texts {
		printTexts(w, modules)
	} else {
		printTable(w, modules)
	}
	return w.Flush()
}

// module is one that is linked, or Go's standard library.
type module struct {
	path, version, dir string

	license string // by its SPDX name
	files   []file
}

type file struct {
	name string
	text []byte
}

// linked lists the modules, without our own, sorted by path.
func linked() ([]module, error) {
	const format = `{{if .Standard}}std	-	{{.Root}}{{else if not .Module.Main}}{{.Module.Path}}	{{.Module.Version}}	{{.Module.Dir}}{{end}}`
	var modules []module
	for _, system := range systems {
		arch := "amd64"
		if system == "linux" {
			arch = runtime.GOARCH // whose helper was built
		}
		list := exec.Command("go", "list", "-deps", "-f", format, "./plugin", "./plugin/helper")
		list.Env = append(os.Environ(), "GOOS="+system, "GOARCH="+arch, "CGO_ENABLED=0")
		list.Stderr = os.Stderr
		out, err := list.Output()
		if err != nil {
			return nil, fmt.Errorf("go list for %s: %w", system, err)
		}
		for line := range strings.Lines(string(out)) {
			fields := strings.Split(strings.TrimSpace(line), "\t")
			if len(fields) != 3 {
				return nil, fmt.Errorf("go list for %s says %q", system, line)
			}
			m := module{path: fields[0], version: fields[1], dir: fields[2]}
			if m.path == "std" {
				m.path, m.version = "Go's standard library", "of the build"
			}
			if !slices.ContainsFunc(modules, func(other module) bool { return other.path == m.path }) {
				modules = append(modules, m)
			}
		}
	}
	slices.SortFunc(modules, func(a, b module) int { return strings.Compare(a.path, b.path) })
	return modules, nil
}

// read reads the license of a module, and the notices that go with it.
func (m *module) read() error {
	entries, err := os.ReadDir(m.dir)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		name := strings.ToUpper(strings.TrimSuffix(strings.TrimSuffix(entry.Name(), ".txt"), ".md"))
		if !slices.Contains([]string{"LICENSE", "LICENCE", "COPYING", "NOTICE"}, name) {
			continue
		}
		text, err := os.ReadFile(filepath.Join(m.dir, entry.Name()))
		if err != nil {
			return err
		}
		m.files = append(m.files, file{entry.Name(), text})
		if name == "NOTICE" {
			continue
		}
		if m.license, err = identify(text); err != nil {
			return fmt.Errorf("%s: %w", entry.Name(), err)
		}
	}
	if m.license == "" {
		return fmt.Errorf("no license in %s", m.dir)
	}
	return nil
}

// known are the licenses that a program under Apache-2.0 may hold, by what is in
// the text of each and of none before it.
var known = []struct{ license, words string }{
	{"Apache-2.0", "apache license version 2.0"},
	{"BSD-3-Clause", "neither the name of"},
	{"BSD-2-Clause", "redistributions in binary form must reproduce the above copyright notice"},
	{"ISC", "permission to use, copy, modify, and/or distribute this software for any purpose"},
	{"MIT", "permission is hereby granted, free of charge, to any person obtaining a copy"},
}

// foreign words are of licenses that ask more of who passes the program on.
var foreign = []string{"gnu general public license", "gnu lesser general public", "gnu affero", "mozilla public license"}

// identify names the license of a text.
func identify(text []byte) (string, error) {
	words := strings.Join(strings.Fields(strings.ToLower(string(text))), " ")
	words = strings.ReplaceAll(words, "license, version", "license version")
	for _, other := range foreign {
		if strings.Contains(words, other) {
			return "", fmt.Errorf("it speaks of the %s", other)
		}
	}
	for _, l := range known {
		if strings.Contains(words, l.words) {
			return l.license, nil
		}
	}
	first, _, _ := bytes.Cut(bytes.TrimSpace(text), []byte("\n"))
	return "", fmt.Errorf("it is none of the licenses known here: %q", first)
}

func printTable(w *bufio.Writer, modules []module) {
	fmt.Fprint(w, "# Linked modules\n\n"+
		"The modules that are linked into docker nsjoin on any system, and their licenses. Their texts are in\n"+
		"`LICENSES.txt` beside each release and in its packages. `make licenses` writes this page; `make lint` checks that it is current.\n\n"+
		"| Module | Version | License |\n|---|---|---|\n")
	for _, m := range modules {
		fmt.Fprintf(w, "| %s | %s | %s |\n", m.path, m.version, m.license)
	}
}

func printTexts(w *bufio.Writer, modules []module) {
	fmt.Fprint(w, "docker nsjoin is under the Apache License 2.0, see LICENSE. It holds these works of others.\n")
	printed := make(map[string]string) // of whom, by the text
	for _, m := range modules {
		fmt.Fprintf(w, "\n%s\n%s %s: %s\n", strings.Repeat("=", 80), m.path, m.version, m.license)
		for _, f := range m.files {
			text := string(bytes.TrimSpace(f.text))
			if of, ok := printed[text]; ok {
				fmt.Fprintf(w, "\n%s: the same text as of %s\n", f.name, of)
				continue
			}
			printed[text] = m.path
			fmt.Fprintf(w, "\n%s:\n\n%s\n", f.name, text)
		}
	}
}
