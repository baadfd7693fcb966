// licenses prints docs/licenses.md: the modules that are linked into the plugin, the helper or the toolbox on any
// system, with the names of their licenses. With -texts it prints LICENSES.txt, the texts of the
// licenses, which every distributed copy of the program must include:
//
//	go run ./scripts/licenses [-texts]
//
// A module without a license, or with an unknown one, is an error.
package main

import (
	"bufio"
	"bytes"
	"cmp"
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

// systems are the operating systems to list modules for. The architecture makes no difference.
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

// module is a linked module, or Go's standard library.
type module struct {
	path, version, dir string

	license string // its SPDX identifier
	files   []file
}

type file struct {
	name string
	text []byte
}

// linked lists the linked modules except this one, sorted by path.
func linked() ([]module, error) {
	var modules []module
	for _, system := range systems {
		arch := "amd64"
		if system == "linux" {
			arch = runtime.GOARCH // the plugin embeds this architecture's helper, which exists
		}
		found, err := list(".", system, arch, "./plugin", "./plugin/helper")
		if err != nil {
			return nil, err
		}
		modules = append(modules, found...)
	}
	// The toolbox is a module of its own. The commands that it is assembled from are its tools.
	found, err := list("plugin/toolbox", "linux", "amd64", ".", "tool")
	if err != nil {
		return nil, err
	}
	modules = append(modules, found...)
	slices.SortFunc(modules, func(a, b module) int {
		return cmp.Or(strings.Compare(a.path, b.path), strings.Compare(a.version, b.version))
	})
	return slices.CompactFunc(modules, func(a, b module) bool { return a.path == b.path && a.version == b.version }), nil
}

// list lists the modules of the packages and of all that these import.
func list(dir, system, arch string, packages ...string) ([]module, error) {
	const format = `{{if .Standard}}std	-	{{.Root}}{{else if not .Module.Main}}{{.Module.Path}}	{{.Module.Version}}	{{.Module.Dir}}{{end}}`
	command := exec.Command("go", append([]string{"list", "-deps", "-f", format}, packages...)...)
	command.Dir = dir
	command.Env = append(os.Environ(), "GOOS="+system, "GOARCH="+arch, "CGO_ENABLED=0")
	command.Stderr = os.Stderr
	out, err := command.Output()
	if err != nil {
		return nil, fmt.Errorf("go list for %s in %s: %w", system, dir, err)
	}
	var modules []module
	for line := range strings.Lines(string(out)) {
		fields := strings.Split(strings.TrimSpace(line), "\t")
		if len(fields) != 3 {
			return nil, fmt.Errorf("go list for %s in %s says %q", system, dir, line)
		}
		m := module{path: fields[0], version: fields[1], dir: fields[2]}
		if m.path == "std" {
			m.path, m.version = "Go's standard library", "of the build"
		}
		modules = append(modules, m)
	}
	return modules, nil
}

// read reads the license and the notices of a module.
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

// known lists the licenses that a program under Apache-2.0 may include. A text has the first license in
// this list whose words it contains.
var known = []struct{ license, words string }{
	{"Apache-2.0", "apache license version 2.0"},
	{"BSD-3-Clause", "neither the name of"},
	{"BSD-2-Clause", "redistributions in binary form must reproduce the above copyright notice"},
	{"ISC", "permission to use, copy, modify, and/or distribute this software for any purpose"},
	{"MIT", "permission is hereby granted, free of charge, to any person obtaining a copy"},
}

// foreign lists the names of licenses that require more of those who distribute the program.
var foreign = []string{"gnu general public license", "gnu lesser general public", "gnu affero", "mozilla public license"}

// identify returns the SPDX identifier of the license with this text.
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
		"The modules that are linked into docker nsjoin or its toolbox on any system, and their licenses. Their texts are in\n"+
		"`LICENSES.txt` beside each release and in its packages. `make licenses` writes this page; `make lint` checks that it is current.\n\n"+
		"| Module | Version | License |\n|---|---|---|\n")
	for _, m := range modules {
		fmt.Fprintf(w, "| %s | %s | %s |\n", m.path, m.version, m.license)
	}
}

func printTexts(w *bufio.Writer, modules []module) {
	fmt.Fprint(w, "docker nsjoin is under the Apache License 2.0, see LICENSE. It holds these works of others.\n")
	printed := make(map[string]string) // the first module with a text, by text
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
