package dockercli

import (
	"maps"
	"os"
	"path/filepath"
	"testing"

	"github.com/nsjoin/docker-nsjoin/pkg/exit"
)

// configured returns the CLI with these global options and this configuration file.
func configured(t *testing.T, file string, args ...string) *CLI {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "config.json"), []byte(file), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{hostVariable, contextVariable, headersVariable} {
		if _, set := os.LookupEnv(name); set {
			t.Setenv(name, "")
		}
	}
	cli := New(exit.Plugin, nil, "1", nil)
	if err := cli.globals.Parse(append([]string{"--config", dir}, args...)); err != nil {
		t.Fatal(err)
	}
	return cli
}

// The order of precedence is that of docker context, highest first.
func TestContext(t *testing.T) {
	const there = `{"currentContext":"there"}`
	for _, row := range []struct {
		name, file, variable, host string
		args                       []string
		want                       string
	}{
		{"nothing", `{}`, "", "", nil, "default"},
		{"the configuration", there, "", "", nil, "there"},
		{"the variable", there, "elsewhere", "", nil, "elsewhere"},
		{"DOCKER_HOST", there, "elsewhere", "tcp://h:1", nil, "default"},
		{"-H", there, "elsewhere", "", []string{"-H", "tcp://h:1"}, "default"},
		{"--context", there, "elsewhere", "tcp://h:1", []string{"--context", "named"}, "named"},
	} {
		t.Run(row.name, func(t *testing.T) {
			cli := configured(t, row.file, row.args...)
			t.Setenv(contextVariable, row.variable)
			t.Setenv(hostVariable, row.host)
			if got, err := cli.Context(); err != nil || got != row.want {
				t.Errorf("context %q, %v; want %q", got, err, row.want)
			}
		})
	}
}

func TestHostAndContextExcludeEachOther(t *testing.T) {
	if name, err := configured(t, `{}`, "-H", "tcp://h:1", "--context", "named").Context(); err == nil {
		t.Errorf("context %q", name)
	}
}

func TestEndpointOfTheHost(t *testing.T) {
	for _, row := range []struct {
		args []string
		want string
	}{
		{nil, "tcp://engine.example:2375"},
		{[]string{"-H", "unix:///a.sock"}, "unix:///a.sock"},
	} {
		cli := configured(t, `{}`, row.args...)
		t.Setenv(hostVariable, "tcp://engine.example")
		if got, err := cli.endpoint(); err != nil || got.Host != row.want {
			t.Errorf("%q: endpoint %q, %v; want %q", row.args, got.Host, err, row.want)
		}
	}
}

func TestHeaders(t *testing.T) {
	const file = `{"HttpHeaders":{"X-File":"1"}}`
	for _, row := range []struct {
		variable string
		want     map[string]string // nil is an error
	}{
		{"", map[string]string{"X-File": "1"}},
		{`x-one=1,"X-Two=2,3",X-Empty=`, map[string]string{"X-One": "1", "X-Two": "2,3", "X-Empty": ""}},
		{"alone", nil},
		{"=1", nil},
		{`"open`, nil},
	} {
		cli := configured(t, file)
		t.Setenv(headersVariable, row.variable)
		if _, err := cli.Config(); err != nil {
			t.Fatal(err)
		}
		got, err := cli.headers()
		if !maps.Equal(got, row.want) || (err == nil) != (row.want != nil) {
			t.Errorf("%q: %q, %v; want %q", row.variable, got, err, row.want)
		}
	}
}
