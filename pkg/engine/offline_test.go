package engine

import (
	"context"
	"fmt"
	"io/fs"
	"strings"
	"testing"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"

	"github.com/nsjoin/docker-nsjoin/pkg/ns"
	"github.com/nsjoin/docker-nsjoin/pkg/request"
)

// keptFiles are config.v2.json by ID.
type keptFiles map[string]string

func (f keptFiles) IDs() ([]string, error) {
	var ids []string
	for id := range f {
		ids = append(ids, id)
	}
	return ids, nil
}

func (f keptFiles) Read(id, file string) ([]byte, error) {
	text, ok := f[id]
	switch {
	case !ok || text == "":
		return nil, fs.ErrNotExist
	case file == "hostconfig.json":
		return []byte(`{"GroupAdd":["7"]}`), nil
	}
	return []byte(text), nil
}

func anID(beginning string) string { return beginning + strings.Repeat("0", 64-len(beginning)) }

func keeps(id, name, state string) string {
	return fmt.Sprintf(`{"ID":%q,"Name":"/%s","State":{%s},"Created":"2026-01-01T00:00:00Z","Path":"sleep","Args":["9"],`+
		`"Config":{"Env":["A=1"],"User":"5","Image":"i","Labels":{"l":"v"}},"NetworkSettings":{"Networks":{"bridge":{}}}}`, id, name, state)
}

// offline has a web that runs, another one of another time that does not, and more.
func offline() *Offline {
	const ran = `"Running":true,"StartedAt":"2026-01-01T00:00:00Z"`
	files := keptFiles{
		anID("aa1"): keeps(anID("aa1"), "web", ran),
		anID("ab2"): keeps(anID("ab2"), "web", ran),
		anID("ab3"): keeps(anID("ab3"), "db", ran),
		anID("c4"):  keeps(anID("c4"), "gone", ran),
		anID("c5"):  keeps(anID("c5"), "new", ""),
		anID("c6"):  keeps(anID("c6"), "aa", `"StartedAt":"2026-01-01T00:00:00Z"`),
		anID("c7"):  keeps(anID("c7"), "frozen", ran+`,"Paused":true`),
		anID("d8"):  "", // is just being made
	}
	running := map[string]int{anID("aa1"): 11, anID("ab3"): 13, anID("c7"): 17}
	return &Offline{Files: files, First: func(_ context.Context, claimed map[string]int) (map[string]int, error) {
		found := make(map[string]int)
		for id := range claimed {
			if running[id] > 0 {
				found[id] = running[id]
			}
		}
		return found, nil
	}}
}

func TestOfflineFindsAsTheEngineDoes(t *testing.T) {
	for _, row := range []struct {
		name string
		pid  int
		want string // of the error
	}{
		{"web", 11, ""},
		{"/web", 11, ""},
		{anID("aa1"), 11, ""},
		{"aa1", 11, ""},
		{"ab3", 13, ""},
		{"ab", 0, `find container "ab": several are meant by that`},
		{"aa", 0, `container "aa" has exited`}, // a name goes before the beginning of an ID
		{"gone", 0, `container "gone" is not running on this host, although the engine's files say so`},
		{"new", 0, `container "new" was created but never started`},
		{"nope", 0, `no such container in the engine's files: "nope"`},
	} {
		r := &request.Request{Base: request.Source{From: request.FromContainer, Name: row.name}, Take: ns.All()}
		_, err := Resolve(t.Context(), offline(), r)
		if row.want != "" {
			if err == nil || err.Error() != row.want {
				t.Errorf("%s: %v; want %q", row.name, err, row.want)
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

func TestOfflineListsWhatRuns(t *testing.T) {
	list, err := List(t.Context(), offline(), func() map[string]bool { return nil })
	if err != nil || len(list) != 3 {
		t.Fatalf("%+v, %v", list, err)
	}
	for _, c := range list {
		if c.Image != "i" || c.Command != "sleep 9" || c.Labels["l"] != "v" || len(c.Networks) != 1 || !strings.HasPrefix(c.Status, "Up ") {
			t.Errorf("%+v", c)
		}
	}
	options := container.ListOptions{Filters: filters.NewArgs(filters.Arg("label", "l"))}
	if _, err := offline().ContainerList(t.Context(), options); err == nil {
		t.Error("a filter of the engine's is ignored")
	}
}

// What is kept of a container under the ID of another is not believed.
func TestOfflineFilesOfAnother(t *testing.T) {
	o := offline()
	o.Files = keptFiles{anID("aa1"): keeps(anID("ab3"), "web", "")}
	if found, err := o.ContainerInspect(t.Context(), "web"); err == nil {
		t.Errorf("%+v", found)
	}
}
