//go:build !windows

package dockercli

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/docker/cli/cli/flags"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/nsjoin/docker-nsjoin/pkg/exit"
)

// originalCobra parses the Docker CLI's own cli/cobra.go, whose package cannot be linked here: it brings
// OpenTelemetry's exporters.
func originalCobra(t *testing.T) *ast.File {
	t.Helper()
	dir, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/docker/cli").Output()
	if err != nil {
		t.Fatal(err)
	}
	file, err := parser.ParseFile(token.NewFileSet(), filepath.Join(strings.TrimSpace(string(dir)), "cli", "cobra.go"), nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	return file
}

// stringConst returns a string constant of a file.
func stringConst(t *testing.T, file *ast.File, name string) string {
	t.Helper()
	for _, decl := range file.Decls {
		gen, ok := decl.(*ast.GenDecl)
		if !ok {
			continue
		}
		for _, spec := range gen.Specs {
			value, ok := spec.(*ast.ValueSpec)
			if !ok || value.Names[0].Name != name {
				continue
			}
			text, err := strconv.Unquote(value.Values[0].(*ast.BasicLit).Value)
			if err != nil {
				t.Fatal(err)
			}
			return text
		}
	}
	t.Fatalf("the Docker CLI has no %s any more", name)
	return ""
}

// TestHelpIsTheDockerCLIs compares a command's help with what the Docker CLI's template makes of it.
func TestHelpIsTheDockerCLIs(t *testing.T) {
	template := stringConst(t, originalCobra(t), "usageTemplate")
	no := func(*cobra.Command) bool { return false }
	none := func(*cobra.Command) []*cobra.Command { return nil }
	for name, f := range map[string]any{
		"add":               func(a, b int) int { return a + b },
		"isExperimental":    no,
		"hasAliases":        no,
		"hasTopCommands":    no,
		"commandAliases":    func(*cobra.Command) string { return "" },
		"topCommands":       none,
		"decoratedName":     (*cobra.Command).Name,
		"hasSubCommands":    no,
		"isPlugin":          no,
		"invalidPlugins":    none,
		"hasInvalidPlugins": no, "hasManagementSubCommands": no, "managementSubCommands": none, "hasSwarmSubCommands": no,
		"orchestratorSubCommands": none, "operationSubCommands": none, "hasAdditionalHelp": no,
		"additionalHelp":      func(*cobra.Command) string { return "" },
		"vendorAndVersion":    func(*cobra.Command) string { return "" },
		"invalidPluginReason": func(*cobra.Command) string { return "" },
		"wrappedFlagUsages":   func(cmd *cobra.Command) string { return cmd.LocalFlags().FlagUsagesWrapped(79) },
	} {
		cobra.AddTemplateFunc(name, f)
	}
	for _, long := range []string{"", "Long, in\ntwo lines."} {
		for _, example := range []string{"", "  docker thing A"} {
			for _, flag := range []string{"", "name"} {
				original := newThing(long, example, flag)
				original.Root().SetUsageFunc(nil)
				original.SetUsageTemplate(template)
				if got, want := usage(t, newThing(long, example, flag)), usage(t, original); got != want {
					t.Errorf("help is\n%s\nthe Docker CLI's is\n%s", got, want)
				}
			}
		}
	}
}

// newThing makes a command of the root with a help text, an example and a flag, each unless it is empty.
func newThing(long, example, flag string) *cobra.Command {
	cmd := &cobra.Command{
		Use: "thing [OPTIONS] A", Short: "Short", Long: long, Example: example, DisableFlagsInUseLine: true,
		Run: func(*cobra.Command, []string) {},
	}
	if flag != "" {
		cmd.Flags().StringP(flag, "n", "x", strings.Repeat("A usage that is wrapped. ", 5))
	}
	New(exit.Plugin, nil, "1", nil).Root(cmd)
	return cmd
}

func usage(t *testing.T, cmd *cobra.Command) string {
	t.Helper()
	var text bytes.Buffer
	cmd.SetOut(&text)
	if err := cmd.Usage(); err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(text.String())
}

// TestRootHasTheDockerCLIsFlags compares the global options with the Docker CLI's, and the words about -h.
func TestRootHasTheDockerCLIsFlags(t *testing.T) {
	root := New(exit.Plugin, nil, "1", nil).Root(&cobra.Command{Use: "nsjoin"})
	original := pflag.NewFlagSet("docker", pflag.ContinueOnError)
	flags.NewClientOptions().InstallFlags(original)
	original.VisitAll(func(f *pflag.Flag) {
		if ours := root.Flags().Lookup(f.Name); ours == nil || ours.Usage != f.Usage || ours.Shorthand != f.Shorthand {
			t.Errorf("--%s is %+v, the Docker CLI's is %+v", f.Name, ours, f)
		}
	})
	deprecated := ""
	ast.Inspect(originalCobra(t), func(n ast.Node) bool {
		if call, ok := n.(*ast.CallExpr); ok {
			if f, ok := call.Fun.(*ast.SelectorExpr); ok && f.Sel.Name == "MarkShorthandDeprecated" {
				deprecated, _ = strconv.Unquote(call.Args[1].(*ast.BasicLit).Value)
			}
		}
		return true
	})
	if got := root.PersistentFlags().Lookup("help").ShorthandDeprecated; got != deprecated || got == "" {
		t.Errorf("-h says %q, the Docker CLI's says %q", got, deprecated)
	}
}
