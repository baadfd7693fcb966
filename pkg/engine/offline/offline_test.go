package offline

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"testing"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"

	"github.com/nsjoin/docker-nsjoin/pkg/engine"
	"github.com/nsjoin/docker-nsjoin/pkg/ns"
	"github.com/nsjoin/docker-nsjoin/pkg/request"
)

// storedFiles are the contents of config.v2.json by ID.
type storedFiles map[string]string

func (f storedFiles) IDs() ([]string, error) {
	var ids []string
	for id := range f {
		ids = append(ids, id)
	}
	return ids, nil
}

func (f storedFiles) Read(id, file string) ([]byte, error) {
	text, ok := f[id]
	switch {
	case !ok || text == "":
		return nil, fs.ErrNotExist
	case file == "hostconfig.json":
		return []byte(`{"GroupAdd":["7"]}`), nil
	}
	return []byte(text), nil
}

func paddedID(beginning string) string { return beginning + strings.Repeat("0", 64-len(beginning)) }

func configFile(id, name, state string) string {
	return fmt.Sprintf(`{"ID":%q,"Name":"/%s","State":{%s},"Created":"2026-01-01T00:00:00Z","Path":"sleep","Args":["9"],`+
		`"Config":{"Hostname":"h","Env":["A=1"],"User":"5","Image":"i","Labels":{"l":"v"}},"NetworkSettings":{"Networks":{"bridge":{"IPAddress":"172.17.0.2","Gateway":"172.17.0.1","IPAMOperational":false}}}}`, id, name, state)
}

// newTestOffline has a running web, a stopped one of an earlier time with the same name, and others.
func newTestOffline() *Engine {
	const ran = `"Running":true,"StartedAt":"2026-01-01T00:00:00Z"`
	files := storedFiles{
		paddedID("aa1"): configFile(paddedID("aa1"), "web", ran),
		paddedID("ab2"): configFile(paddedID("ab2"), "web", ran),
		paddedID("ab3"): configFile(paddedID("ab3"), "db", ran),
		paddedID("c4"):  configFile(paddedID("c4"), "gone", ran),
		paddedID("c5"):  configFile(paddedID("c5"), "new", ""),
		paddedID("c6"):  configFile(paddedID("c6"), "aa", `"StartedAt":"2026-01-01T00:00:00Z"`),
		paddedID("c7"):  configFile(paddedID("c7"), "frozen", ran+`,"Paused":true`),
		paddedID("d8"):  "", // just being created
	}
	running := map[string]int{paddedID("aa1"): 11, paddedID("ab3"): 13, paddedID("c7"): 17}
	return &Engine{Files: files, FindPIDs: func(_ context.Context, claimed map[string]int) (map[string]int, error) {
		found := make(map[string]int)
		for id := range claimed {
			if running[id] > 0 {
				found[id] = running[id]
			}
		}
		return found, nil
	}}
}

func TestOfflineFindsLikeTheEngine(t *testing.T) {
	for _, row := range []struct {
		name string
		pid  int
		want string // of the error
	}{
		{"web", 11, ""},
		{"/web", 11, ""},
		{paddedID("aa1"), 11, ""},
		{"aa1", 11, ""},
		{"ab3", 13, ""},
		{"ab", 0, `find container "ab": several containers match`},
		{"aa", 0, `container "aa" has exited`}, // a name takes precedence over a prefix of an ID
		{"gone", 0, `container "gone" is not running on this host, although the engine's files say that it is`},
		{"new", 0, `container "new" was created but never started`},
		{"nope", 0, `no such container in the engine's files: "nope"`},
	} {
		r := &request.Request{Base: request.Source{From: request.FromContainer, Name: row.name}, Take: ns.All()}
		_, err := engine.Resolve(t.Context(), newTestOffline(), r)
		if row.want != "" {
			if err == nil || err.Error() != row.want {
				t.Errorf("%s: %v; want %q", row.name, err, row.want)
			}
			missing, _ := errors.AsType[*engine.NoContainerError](err) // ends a call with --keep
			if gone := missing != nil && missing.Name == row.name; gone != (row.name == "nope") {
				t.Errorf("%s: that there is none: %t", row.name, gone)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", row.name, err)
			continue
		}
		c := r.Base.Container
		if r.Base.PID != row.pid || c.User != "5" || len(c.Env) != 1 || c.Env[0] != "A=1" || len(c.GroupAdd) != 1 || c.GroupAdd[0] != "7" {
			t.Errorf("%s: process %d, %+v", row.name, r.Base.PID, c)
		}
	}
}

// The names that a command sees come from the files, too.
func TestOfflineHasAddresses(t *testing.T) {
	r := &request.Request{Base: request.Host(), Names: &request.Names{Source: request.Source{From: request.FromContainer, Name: "aa1"}}}
	if _, err := engine.Resolve(t.Context(), newTestOffline(), r); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(r.Names.Made.Hosts, "\n172.17.0.2\t") || r.Names.Source.PID != 11 || r.Names.Made.Resolv.Embedded {
		t.Errorf("%+v", r.Names)
	}
}

func TestOfflineListsRunningContainers(t *testing.T) {
	list, err := engine.List(t.Context(), newTestOffline(), func() map[string]bool { return nil })
	if err != nil || len(list) != 3 {
		t.Fatalf("%+v, %v", list, err)
	}
	for _, c := range list {
		if c.Image != "i" || c.Command != "sleep 9" || c.Labels["l"] != "v" || len(c.Networks) != 1 || !strings.HasPrefix(c.Status, "Up ") {
			t.Errorf("%+v", c)
		}
	}
	options := container.ListOptions{Filters: filters.NewArgs(filters.Arg("label", "l"))}
	if _, err := newTestOffline().ContainerList(t.Context(), options); err == nil {
		t.Error("an unsupported filter is ignored")
	}
}

// A file below one ID that is about another container is refused.
func TestOfflineFilesOfAnotherContainerAreRefused(t *testing.T) {
	o := newTestOffline()
	o.Files = storedFiles{paddedID("aa1"): configFile(paddedID("ab3"), "web", "")}
	if found, err := o.ContainerInspect(t.Context(), "web"); err == nil {
		t.Errorf("%+v", found)
	}
}
