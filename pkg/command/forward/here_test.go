package forward

import (
	"strings"
	"testing"

	"github.com/nsjoin/docker-nsjoin/pkg/dockercli"
	"github.com/nsjoin/docker-nsjoin/pkg/forward/spec"
	"github.com/nsjoin/docker-nsjoin/pkg/sockets"
)

// What a system does not have is refused, or said, in one line.
func TestOtherSystems(t *testing.T) {
	for _, row := range []struct {
		word                    string
		reverse, anyUser        bool
		system, refused, warned string
	}{
		{"8080:80", false, false, "linux", "", ""},
		{"8080:80", false, false, "windows", "", "serve all users"},
		{"8080:80", false, true, "windows", "", ""},
		{"53:53/udp", false, false, "darwin", "", "serve all users"},
		{"./s:80", false, false, "windows", "", ""},
		{"8080:80", true, false, "windows", "", ""}, // it listens in the container
		{"@s:80", false, false, "linux", "", ""},
		{"@s:80", false, false, "windows", "@s: only Linux has abstract UNIX sockets", ""},
		{"80:@s", false, true, "windows", "", ""}, // in the container
		{"80:@s", true, false, "darwin", "@s: only Linux has abstract UNIX sockets", ""},
	} {
		parse := spec.Parse
		if row.reverse {
			parse = spec.ParseReverse
		}
		f, err := parse(row.word)
		if err != nil {
			t.Fatal(err)
		}
		groups := []spec.Group{{Container: "web", Forwards: []spec.Forward{f}}}
		refused := ""
		if err := hasAbstract(row.system, groups); err != nil {
			refused = err.Error()
		}
		if refused != row.refused {
			t.Errorf("%+v: %q", row, refused)
		}
		if warned := servesAll(row.system, row.anyUser, groups); !strings.Contains(warned, row.warned) || row.warned == "" && warned != "" {
			t.Errorf("%+v: %q", row, warned)
		}
	}
}

// A path that is too long is refused before anything is started, with its directory.
func TestLongPath(t *testing.T) {
	t.Chdir(t.TempDir())
	for length, refused := range map[int]bool{10: false, spec.LongestPath - 2: true} {
		f, err := spec.Parse("./" + strings.Repeat("a", length) + ":80")
		if err != nil {
			t.Fatal(err)
		}
		if err := absolute([]spec.Group{{Container: "web", Forwards: []spec.Forward{f}}}); (err != nil) != refused || refused && !strings.Contains(err.Error(), "at most 107") {
			t.Errorf("%d bytes: %v", length, err)
		}
	}
}

// The call that is offered can be typed: a path that begins in a directory of the program's is in no SPEC.
func TestOfferedLine(t *testing.T) {
	c := &call{options: &options{cli: &dockercli.CLI{}}, groups: []spec.Group{{Container: "web"}}}
	list := []sockets.Listening{{Network: "unix", Path: "app.sock"}}
	if line := c.line(list); line != "" {
		t.Errorf("%q", line)
	}
	list = append(list, sockets.Listening{Network: "unix", Path: "/run/app.sock"})
	if line := c.line(list); line != "docker nsjoin forward web 8080:/run/app.sock" {
		t.Errorf("%q", line)
	}
}
