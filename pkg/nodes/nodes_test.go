//go:build unix

// Wine has no UNIX sockets.

package nodes_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/docker/cli/cli/config" //nolint:depguard // the directory of the test's contexts

	"github.com/nsjoin/docker-nsjoin/pkg/dockercli"
	"github.com/nsjoin/docker-nsjoin/pkg/engine/swarm"
	"github.com/nsjoin/docker-nsjoin/pkg/exit"
	"github.com/nsjoin/docker-nsjoin/pkg/nodes"
)

// engine starts an engine that says that it is a node, and returns its address.
func engine(t *testing.T, dir, node string) string {
	t.Helper()
	socket := filepath.Join(dir, node+".sock")
	listener, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { //nolint:gosec // a test's
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, `{"Swarm": {"NodeID": %q}}`, node)
	})}
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(func() { server.Close() })
	return "unix://" + socket
}

// makeContext makes a context of the Docker CLI.
func makeContext(t *testing.T, name, address string) {
	t.Helper()
	dir := filepath.Join(config.Dir(), "contexts", "meta", fmt.Sprintf("%x", sha256.Sum256([]byte(name))))
	meta := fmt.Sprintf(`{"Name": %q, "Metadata": {}, "Endpoints": {"docker": {"Host": %q, "SkipTLSVerify": false}}}`, name, address)
	if err := errors.Join(os.MkdirAll(dir, 0o700), os.WriteFile(filepath.Join(dir, "meta.json"), []byte(meta), 0o600)); err != nil {
		t.Fatal(err)
	}
}

// A node's ID is what an engine says, and a node's name is what the node says: neither leads elsewhere by itself.
func TestFinder(t *testing.T) {
	dir, err := os.MkdirTemp("", "nodes") //nolint:usetesting // t.TempDir is too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	old := config.Dir()
	config.SetDir(filepath.Join(dir, "config"))
	t.Cleanup(func() { config.SetDir(old) })
	t.Setenv("DOCKER_HOST", engine(t, dir, "manager"))
	makeContext(t, "one", engine(t, dir, "node1"))
	two := engine(t, dir, "node2")
	makeContext(t, "two", two)
	makeContext(t, "too", two)
	engine(t, dir, "node3")
	makeContext(t, "gone", "unix://"+dir+"/gone.sock")
	const never = "never asked"
	for _, row := range []struct {
		name, node, hostname string
		template             string
		contexts             []string
		answer               bool
		asked                string // the context that the user is asked about
		want, err            string
	}{
		{"the manager itself", "manager", "m", "", nil, false, never, "", ""},
		{"confirmed", "node1", "h", "", nil, true, "one", "one", ""},
		{"confirmed before", "node1", "h", "", nil, false, never, "one", ""},
		{"two contexts of one node", "node2", "h", "", nil, true, never, "", "the engines of the contexts too and two say that they are the same node, node2"},
		{"one of them is named", "node2", "h", "", []string{"two"}, false, never, "two", ""},
		{"another one is named", "node2", "h", "", []string{"one"}, false, never, "", "no context has the engine of node node2 (h)"},
		{"none", "node3", "h", "", nil, true, never, "", "no context has the engine of node node3 (h); not reached: gone"},
		{"by its name, refused", "node3", "node3", "unix://" + dir + "/{{.Hostname}}.sock", nil, false, "", "", "not confirmed"},
		{"by its name", "node3", "node3", "unix://" + dir + "/{{.Hostname}}.sock", nil, true, "", "node3", ""},
		{"by its name, again", "node3", "node3", "unix://" + dir + "/{{.Hostname}}.sock", nil, false, never, "node3", ""},
		{"a name that leads elsewhere is asked about first", "node3", "nowhere", "unix://" + dir + "/{{.Hostname}}.sock", nil, false, "", "", "not confirmed"},
		{"a name that leads to another node", "node3", "node1", "unix://" + dir + "/{{.Hostname}}.sock", nil, true, "", "", "is node \"node1\", not node3"},
		{"a name that is an option", "node3", "-oProxyCommand=x", "ssh://{{.Hostname}}", nil, true, never, "", `calls itself "-oProxyCommand=x", which is no name of a host`},
		{"a name with a path", "node3", "../node3", "unix://" + dir + "/{{.Hostname}}.sock", nil, true, never, "", "which is no name of a host"},
		{"a name with a user", "node3", "root@h", "ssh://{{.Hostname}}", nil, true, never, "", "which is no name of a host"},
		{"no name", "node3", "", "ssh://{{.Hostname}}", nil, true, never, "", "which is no name of a host"},
		{"a wrong template", "node3", "h", "ssh://{{.Host}}", nil, true, never, "", "--node-context: "},
	} {
		t.Run(row.name, func(t *testing.T) {
			cli := dockercli.New(exit.Plugin, nil, "", nil)
			asked := never
			f := &nodes.Finder{
				CLI: cli, Manager: cli, Contexts: row.contexts, Template: row.template, State: cli.State(),
				Confirm: func(_, _, context, _ string) (bool, error) {
					asked = context
					return row.answer, nil
				},
			}
			_, got, err := f.Engine(context.Background(), swarm.Task{NodeID: row.node, Hostname: row.hostname})
			switch {
			case row.err == "" && err != nil, row.err != "" && (err == nil || !strings.Contains(err.Error(), row.err)):
				t.Errorf("%v, want %q", err, row.err)
			case got != row.want || asked != row.asked:
				t.Errorf("context %q, asked about %q; want %q, %q", got, asked, row.want, row.asked)
			}
		})
	}
}
