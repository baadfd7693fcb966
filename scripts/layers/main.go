// layers draws the packages of this repository and their imports. docs/architecture.md has this picture
// between the lines begin and end. Run it in the root of the repository.
//
//	layers              print the picture
//	layers FILE         fail if the picture in FILE differs
//	layers -update FILE write the picture into FILE
package main

import (
	"bytes"
	"flag"
	"fmt"
	"log"
	"maps"
	"os"
	"os/exec"
	"slices"
	"strings"
)

const (
	begin = "<!-- made by `make docs`: the packages and their imports -->\n"
	end   = "<!-- end -->\n"
)

func main() {
	log.SetFlags(0)
	log.SetPrefix("layers: ")
	update := flag.Bool("update", false, "write the picture into FILE")
	flag.Parse()
	packages, err := list()
	if err != nil {
		log.Fatal(err)
	}
	picture := packages.draw()
	if flag.NArg() == 0 {
		fmt.Print(picture)
		return
	}
	if err := compare(flag.Arg(0), picture, *update); err != nil {
		log.Fatal(err)
	}
}

// compare fails if the picture in a file differs, or with update replaces it.
func compare(file, picture string, update bool) error {
	old, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	before, rest, ok := strings.Cut(string(old), begin)
	_, after, closed := strings.Cut(rest, end)
	if !ok || !closed {
		return fmt.Errorf("%s: no lines %q and %q", file, strings.TrimSpace(begin), strings.TrimSpace(end))
	}
	text := before + begin + "```text\n" + picture + "```\n" + end + after
	switch {
	case text == string(old):
		return nil
	case update:
		return os.WriteFile(file, []byte(text), 0o644)
	}
	return fmt.Errorf("%s: the picture of packages is out of date: make docs", file)
}

// graph has the imports of each package that are in this module, and the main packages. Packages are
// named by their path in the module, without pkg/.
type graph struct {
	imports map[string][]string
	mains   []string
}

// list returns the graph of the build for Linux, which has the most files.
func list() (graph, error) {
	g := graph{imports: make(map[string][]string)}
	cmd := exec.Command("go", "list", "-f", `{{.Module.Path}} {{.Name}} {{.ImportPath}} {{join .Imports " "}}`, "./pkg/...", "./plugin/...")
	cmd.Env = append(os.Environ(), "GOOS=linux")
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return g, fmt.Errorf("go list: %w", err)
	}
	for line := range bytes.Lines(out) {
		words := strings.Fields(string(line))
		module := words[0] + "/"
		short := func(path string) string { return strings.TrimPrefix(strings.TrimPrefix(path, module), "pkg/") }
		name := short(words[2])
		g.imports[name] = nil
		for _, path := range words[3:] {
			if strings.HasPrefix(path, module) {
				g.imports[name] = append(g.imports[name], short(path))
			}
		}
		if words[1] == "main" {
			g.mains = append(g.mains, name)
		}
	}
	return g, nil
}

// reach adds the direct and indirect imports of from to found.
func (g graph) reach(from string, found map[string]bool) {
	for _, name := range g.imports[from] {
		if !found[name] {
			found[name] = true
			g.reach(name, found)
		}
	}
}

// nearest returns the imports of a package that none of its other imports imports, directly or not.
func (g graph) nearest(name string) []string {
	beyond := make(map[string]bool)
	for _, direct := range g.imports[name] {
		g.reach(direct, beyond)
	}
	return slices.DeleteFunc(slices.Clone(g.imports[name]), func(direct string) bool { return beyond[direct] })
}

// layer returns 0 for a package without imports, else one more than that of its highest import.
func (g graph) layer(name string) int {
	layer := 0
	for _, below := range g.imports[name] {
		layer = max(layer, g.layer(below)+1)
	}
	return layer
}

// draw returns a line for each package, grouped by the main packages that import it.
func (g graph) draw() string {
	users := make(map[string][]string) // the main packages that consist of a package, by package
	for _, main := range g.mains {
		found := map[string]bool{main: true}
		g.reach(main, found)
		for name := range found {
			users[name] = append(users[name], main)
		}
	}
	groups := make(map[string][]string)
	width := 0
	for name, of := range users {
		group := strings.Join(of, " and ")
		groups[group] = append(groups[group], name)
		width = max(width, len(name))
	}
	var b strings.Builder
	for _, group := range slices.SortedFunc(maps.Keys(groups), shorter) {
		names := groups[group]
		slices.SortFunc(names, func(x, y string) int {
			if d := g.layer(y) - g.layer(x); d != 0 {
				return d
			}
			return strings.Compare(x, y)
		})
		fmt.Fprintf(&b, "in %s:\n", group)
		for _, name := range names {
			line := fmt.Sprintf("  %-*s", width, name)
			if below := g.nearest(name); len(below) > 0 {
				line += " → " + strings.Join(below, " ")
			}
			b.WriteString(strings.TrimRight(line, " ") + "\n")
		}
	}
	return b.String()
}

// shorter sorts the packages of a single program before those of several.
func shorter(x, y string) int {
	if d := strings.Count(x, " ") - strings.Count(y, " "); d != 0 {
		return d
	}
	return strings.Compare(x, y)
}
