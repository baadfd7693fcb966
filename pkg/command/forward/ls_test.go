package forward

import (
	"errors"
	"strings"
	"testing"

	"github.com/nsjoin/docker-nsjoin/pkg/forward"
)

// The beginning of an ID is enough for forward rm if only one forward's begins with it.
func TestMatch(t *testing.T) {
	var list []found
	for _, s := range []forward.Status{
		{ID: "ab12", Container: "web", ContainerID: "0123456789", ContainerName: "web"},
		{ID: "ab34", Container: "0123", ContainerID: "0123456789", ContainerName: "web"},
		{ID: "cd56", Container: "ab", ContainerID: "9876543210"},
		{ID: "ef12", Container: "shop@web", ContainerID: "feed012345", ContainerName: "cafe"},
		{ID: "ef34", Container: "more", ContainerID: "cafe012345", ContainerName: "more"},
		{ID: "ef56", Container: "most", ContainerID: "cafe543210", ContainerName: "most"},
	} {
		list = append(list, found{Status: s})
	}
	for word, want := range map[string]string{
		"ab12": "ab12", "c": "cd56", "web": "ab12 ab34", "ab": "cd56", // a container's name comes first
		"01234": "ab12 ab34", "0123456789": "ab12 ab34", "container:web": "ab12 ab34",
		"shop@web": "ef12", "cafe": "ef12", "cafe0": "ef34",
	} {
		var ids []string
		got, err := match(list, word)
		for _, f := range got {
			ids = append(ids, f.ID)
		}
		if err != nil || strings.Join(ids, " ") != want {
			t.Errorf("%s: %q, %v", word, ids, err)
		}
	}
	for word, want := range map[string]string{
		"a": `the IDs of 2 forwards begin with "a"`, "": `no such forward: ""`, "x": `no such forward: "x"`, "012": `no such forward: "012"`,
		"container:": `no such forward: "container:"`,
	} {
		if got, err := match(list, word); err == nil || err.Error() != want {
			t.Errorf("%q: %d, %v", word, len(got), err)
		}
	}
}

// A word that is the beginning of the IDs of two containers ends the forwards of neither.
func TestMatchOfTwoContainers(t *testing.T) {
	list := []found{{Status: forward.Status{ID: "1", ContainerID: "cafe01"}}, {Status: forward.Status{ID: "2", ContainerID: "cafe02"}}}
	if got, err := match(list, "cafe"); err == nil || err.Error() != `the IDs of 2 containers begin with "cafe"` {
		t.Errorf("%d, %v", len(got), err)
	}
}

// A container that was typed by its ID is shown by its name. What was typed is kept else.
func TestNamed(t *testing.T) {
	for _, row := range []struct{ typed, target, name, want string }{
		{"0123", "0123:80", "web", "web -> web:80"},
		{"0123456789", "0123456789:db:80", "web", "web -> web:db:80"},
		{"0123", "0123", "web", "web -> web"}, // -D
		{"web", "web:80", "web", "web -> web:80"},
		{"web@shop", "web@shop:80", "shop-web-1", "web@shop -> web@shop:80"},
		{"0123", "0123:80", "", "0123 -> 0123:80"},
	} {
		s := forward.Status{Container: row.typed, ContainerID: "0123456789", ContainerName: row.name, Target: row.target}.Named()
		if got := s.Container + " -> " + s.Target; got != row.want {
			t.Errorf("%+v: %q", row, got)
		}
	}
	s := forward.Status{Container: "01", ContainerID: "0123", ContainerName: "web", Target: "01:80", Reverse: true}.Named()
	if s.Container != "web" || s.Target != "01:80" {
		t.Errorf("-R: %+v", s)
	}
}

// An engine that cannot be asked for a new name is not one that has no such container.
func TestEndAsksForANewName(t *testing.T) {
	list := []found{{Status: forward.Status{ID: "ab12", Container: "web"}}}
	for name, row := range map[string]struct {
		list   []found
		answer error
		want   string
	}{
		"no such container": {list, nil, `no such forward: "new"`},
		"no answer":         {list, errors.New("ask the engine for that name: no answer"), `no such forward: "new"; ask the engine for that name: no answer`},
		"no forwards":       {nil, errors.New("asked"), `no such forward: "new"`},
	} {
		err := end(row.list, []string{"new"}, false, func(string) (string, error) { return "", row.answer })
		if err == nil || err.Error() != row.want {
			t.Errorf("%s: %v, want %s", name, err, row.want)
		}
	}
}
