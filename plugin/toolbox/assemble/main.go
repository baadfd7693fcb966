// assemble prints or builds the toolbox: one program that holds the commands of many modules.
//
//	go run ./assemble -arch ARCH -work DIR -o FILE    build the program for linux/ARCH
//	go run ./assemble -list                           print the list of tools as JSON
//	go run ./assemble -options                        print the options of this module's tools
//
// Each command of another module is a package main, and two packages main cannot be linked together. As
// gobusybox does, and with its rewriting, the commands' sources are changed in a copy: main becomes a function
// that the package registers, and what its variables are initialized with is only computed when the command runs.
// Unlike gobusybox, the copy is a vendor directory, so that Go's module versions stay those of go.mod.
package main

import (
	"cmp"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/u-root/gobusybox/src/pkg/bb/bbinternal"
	"golang.org/x/tools/go/packages"

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/list"
)

// registry is the package that a rewritten command registers itself with.
const registry = "github.com/u-root/gobusybox/src/pkg/bb/bbmain"

func main() {
	arch := flag.String("arch", "", "the architecture, named like GOARCH")
	work := flag.String("work", "", "a directory for the sources; it is emptied")
	out := flag.String("o", "", "the program's file")
	printList := flag.Bool("list", false, "print the list of tools")
	printOptions := flag.Bool("options", false, "print the options of this module's tools")
	flag.Parse()
	err := error(nil)
	switch {
	case *printList:
		err = writeList(os.Stdout)
	case *printOptions:
		err = writeOptions(os.Stdout)
	default:
		err = assemble(*arch, *work, *out)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "assemble:", err)
		os.Exit(1)
	}
}

// tool is an entry of the list that the plugin reads.
type tool struct {
	Name, Module, Version string
	Arches                []string
}

// writeList writes an entry for each name of a tool, sorted by name.
func writeList(to io.Writer) error {
	versions, err := moduleVersions()
	if err != nil {
		return err
	}
	var tools []tool
	for _, t := range list.Tools {
		module, version, err := source(t, versions)
		if err != nil {
			return err
		}
		arches := t.Arches
		if arches == nil {
			arches = list.Arches
		}
		for _, name := range t.Names {
			tools = append(tools, tool{name, module, version, arches})
		}
	}
	slices.SortFunc(tools, func(a, b tool) int { return strings.Compare(a.Name, b.Name) })
	for i := 1; i < len(tools); i++ {
		if tools[i].Name == tools[i-1].Name {
			return fmt.Errorf("two tools are named %s", tools[i].Name)
		}
	}
	fmt.Fprintln(to, "[")
	for i, t := range tools {
		line, err := json.Marshal(t)
		if err != nil {
			return err
		}
		comma := ","
		if i == len(tools)-1 {
			comma = ""
		}
		fmt.Fprintf(to, "%s%s\n", line, comma)
	}
	_, err = fmt.Fprintln(to, "]")
	return err
}

// source returns the module that does a tool's work, and its version.
func source(t list.Tool, versions map[string]string) (module, version string, err error) {
	path := cmp.Or(t.Command, t.Library)
	if path == "" {
		return list.Own, "", nil
	}
	if module = owner(versions, path); module == "" {
		return "", "", fmt.Errorf("%s: go.mod has no module of %s", t.Names[0], path)
	}
	return module, versions[module], nil
}

// owner returns the module with the longest path that holds the package.
func owner(versions map[string]string, pkg string) string {
	for path := pkg; path != "."; path = filepath.Dir(path) {
		if versions[path] != "" {
			return path
		}
	}
	return ""
}

// moduleVersions returns the version of each module that go.mod requires.
func moduleVersions() (map[string]string, error) {
	text, err := exec.Command("go", "mod", "edit", "-json").Output()
	if err != nil {
		return nil, fmt.Errorf("go mod edit: %w", err)
	}
	var mod struct {
		Require []struct{ Path, Version string }
	}
	if err := json.Unmarshal(text, &mod); err != nil {
		return nil, err
	}
	versions := make(map[string]string)
	for _, r := range mod.Require {
		versions[r.Path] = r.Version
	}
	return versions, nil
}

// commands are the commands of other modules that the architecture has.
func commands(arch string) []string {
	var found []string
	for _, t := range list.Tools {
		if t.Command != "" && (t.Arches == nil || slices.Contains(t.Arches, arch)) {
			found = append(found, t.Command)
		}
	}
	return found
}

func assemble(arch, work, out string) error {
	if !slices.Contains(list.Arches, arch) {
		return fmt.Errorf("no toolbox is built for architecture %q", arch)
	}
	work, err := filepath.Abs(work)
	if err != nil {
		return err
	}
	if out, err = filepath.Abs(out); err != nil {
		return err
	}
	env := append(os.Environ(), "GOOS=linux", "GOARCH="+arch, "CGO_ENABLED=0", "GOFLAGS=-mod=mod -buildvcs=false")
	found := commands(arch)
	if err := copySources(work); err != nil {
		return err
	}
	if err := run(work, env, "go", "mod", "vendor"); err != nil {
		return err
	}
	env[len(env)-1] = "GOFLAGS=-mod=vendor -buildvcs=false"
	if err := repair(filepath.Join(work, "vendor")); err != nil {
		return err
	}
	if err := rewrite(work, env, found); err != nil {
		return err
	}
	var imports strings.Builder
	imports.WriteString("package main\n\nimport (\n")
	for _, c := range found {
		fmt.Fprintf(&imports, "\t_ %q\n", c)
	}
	imports.WriteString(")\n")
	if err := os.WriteFile(filepath.Join(work, "commands.go"), []byte(imports.String()), 0o600); err != nil {
		return err
	}
	return run(work, env, "go", "build", "-trimpath", "-ldflags", "-s -w", "-o", out, ".")
}

// copySources copies this module to the directory, without the part that only makes the program.
func copySources(work string) error {
	if err := os.RemoveAll(work); err != nil {
		return err
	}
	if err := os.MkdirAll(work, 0o755); err != nil {
		return err
	}
	if err := os.CopyFS(work, os.DirFS(".")); err != nil {
		return err
	}
	return os.RemoveAll(filepath.Join(work, "assemble"))
}

// rewrite makes libraries of the commands, in the vendor directory.
func rewrite(work string, env, found []string) error {
	loaded, err := packages.Load(&packages.Config{Mode: packages.LoadSyntax | packages.NeedEmbedFiles, Dir: work, Env: env}, found...)
	if err != nil {
		return err
	}
	for _, p := range loaded {
		if len(p.Errors) > 0 {
			return fmt.Errorf("%s: %w", p.PkgPath, p.Errors[0])
		}
		// The name to register is the path, since the last element is not unique.
		command := bbinternal.NewPackage(p.PkgPath, p)
		command.Name = p.PkgPath
		if err := command.Rewrite(filepath.Join(work, "vendor", p.PkgPath), registry); err != nil {
			return fmt.Errorf("%s: %w", p.PkgPath, err)
		}
	}
	return nil
}

// run runs a command in the directory. What it prints is shown if it fails.
func run(dir string, env []string, name string, args ...string) error {
	c := exec.Command(name, args...)
	c.Dir, c.Env = dir, env
	if text, err := c.CombinedOutput(); err != nil {
		return fmt.Errorf("%s %s: %w\n%s", name, strings.Join(args, " "), err, text)
	}
	return nil
}
