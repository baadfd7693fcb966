package engine_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/containerd/errdefs"

	"github.com/nsjoin/docker-nsjoin/pkg/engine"
	"github.com/nsjoin/docker-nsjoin/pkg/state"
)

const endpoint = "unix:///engine"

// register is that of a user whose directories nobody else has.
func register(t *testing.T) engine.Register {
	t.Helper()
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("XDG_RUNTIME_DIR", dir)
	return engine.Register{
		State: &state.Dir{Config: dir}, Endpoint: endpoint, Context: "default",
		Debug: func(text string) { t.Errorf("it says %q", text) },
	}
}

// recorded is what is on record: names, and IDs in brackets.
func recorded(t *testing.T, r engine.Register) []string {
	t.Helper()
	list, err := r.State.List(state.Helper)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range list {
		names = append(names, fmt.Sprintf("%s (%s)", e.Name, e.ID))
	}
	return names
}

func TestContainerIsRecordedUntilItIsGone(t *testing.T) {
	c, r := &creator{images: []string{"image of web"}}, register(t)
	h, err := engine.StartOn(t.Context(), c, r, serving(t, nil), archive, noWarning(t))
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	const name = "docker-nsjoin-c0ffee"
	if got := recorded(t, r); !slices.Equal(got, []string{name + " (helper1)"}) || !slices.Equal(c.names, []string{name}) || !r.Ours()["helper1"] {
		t.Errorf("recorded %q, named %q, ours %v", got, c.names, r.Ours())
	}
	if _, err := h.Wait(); err != nil {
		t.Fatal(err)
	}
	if got := recorded(t, r); len(got)+len(c.swept) > 0 {
		t.Errorf("recorded %q, swept %q", got, c.swept)
	}
}

// A container that the engine doesn't remove is left on record, and the next has a name of its own.
func TestRecordOfAContainerThatIsNotRemoved(t *testing.T) {
	for removed, want := range map[error][]string{
		nil: nil, errdefs.ErrNotFound: nil, errors.New("busy"): {"docker-nsjoin-c0ffee (helper1)"},
	} {
		c, r := &creator{images: []string{"image of web"}, fails: map[string]error{"remove": removed, "start": errors.New("no")}}, register(t)
		if _, err := engine.StartOn(t.Context(), c, r, serving(t, nil), archive, noWarning(t)); err == nil {
			t.Fatal("it is started")
		}
		if got := recorded(t, r); !slices.Equal(got, want) {
			t.Errorf("%v: recorded %q, want %q", removed, got, want)
		}
	}
	c, r := &creator{images: []string{"image of web"}, lacks: true, fails: map[string]error{"remove": errors.New("busy")}}, register(t)
	s := serving(t, nil)
	s.Caps = []string{engine.AllCaps}
	h, err := engine.StartOn(t.Context(), c, r, s, archive, func(string) {})
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	if _, err := h.Wait(); err != nil || !slices.Equal(c.names, []string{"docker-nsjoin-c0ffee", "docker-nsjoin-c0ffee-2"}) {
		t.Errorf("%v, named %q", err, c.names)
	}
	if got := recorded(t, r); !slices.Equal(got, []string{"docker-nsjoin-c0ffee (helper1)"}) {
		t.Errorf("recorded %q", got)
	}
}

// What a client that was killed left is removed by the next call: by its ID, or by its
// name if the client didn't learn the ID; never by force.
func TestAbandonedContainersAreSwept(t *testing.T) {
	c, r := &creator{images: []string{"image of web"}}, register(t)
	long := time.Now().Add(-time.Hour)
	alive, err := r.State.Add(state.Helper, state.Entry{Name: "of a living client", Endpoint: endpoint, Began: long})
	if err != nil {
		t.Fatal(err)
	}
	defer alive.Remove()
	c.sweeps = make(map[string]error)
	for _, row := range []struct {
		name, id, endpoint string
		began              time.Time
		answer             error
	}{
		{"never started", "id1", endpoint, long, nil},
		{"nameless", "", endpoint, long, nil},
		{"gone", "id2", endpoint, time.Now(), errdefs.ErrNotFound},
		{"running", "id3", endpoint, long, errdefs.ErrConflict},
		{"of another engine", "id4", "tcp://other", long, nil},
		{"never made", "", endpoint, long, errdefs.ErrNotFound},
		{"it may come", "", endpoint, time.Now(), errdefs.ErrNotFound},
		{"of a clock that was set back", "", endpoint, time.Now().Add(time.Hour), errdefs.ErrNotFound},
	} {
		record, err := r.State.Add(state.Helper, state.Entry{Name: row.name, Endpoint: row.endpoint, Began: row.began})
		if err != nil {
			t.Fatal(err)
		}
		at := row.name
		if row.id != "" {
			at = row.id
			record.SetID(row.id)
		}
		c.sweeps[at] = row.answer
		record.Release()
	}
	h, err := engine.StartOn(t.Context(), c, r, serving(t, nil), archive, noWarning(t))
	if err == nil {
		defer h.Close()
		_, err = h.Wait()
	}
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(c.swept)
	if want := []string{"id1", "id2", "id3", "it may come", "nameless", "never made", "of a clock that was set back"}; !slices.Equal(c.swept, want) {
		t.Errorf("swept %q, want %q", c.swept, want)
	}
	want := []string{"it may come ()", "of a living client ()", "of another engine (id4)", "running (id3)"}
	if got := recorded(t, r); !slices.Equal(got, want) || len(c.removed) > 0 {
		t.Errorf("recorded %q, want %q; removed by force %q", got, want, c.removed)
	}
}

// If there is no answer, the container may come: it stays on record unless it was removed.
func TestRecordOfACreateWithoutAnAnswer(t *testing.T) {
	for removed, want := range map[error][]string{nil: nil, context.Canceled: {"docker-nsjoin-c0ffee ()"}} {
		c, r := &creator{fails: map[string]error{"create": context.Canceled, "remove": removed}}, register(t)
		_, err := engine.StartOn(t.Context(), c, r, serving(t, nil), archive, noWarning(t))
		if got := recorded(t, r); err == nil || !slices.Equal(got, want) {
			t.Errorf("%v: %v, recorded %q, want %q", removed, err, got, want)
		}
	}
}

// Without a directory the call goes on, and docker --debug says so.
func TestCallWithoutARecord(t *testing.T) {
	c, r := &creator{images: []string{"image of web"}}, register(t)
	if err := os.Symlink(t.TempDir(), os.Getenv("XDG_RUNTIME_DIR")+"/docker-nsjoin"); err != nil {
		t.Fatal(err)
	}
	said := make(chan string, 9)
	r.Debug = func(text string) { said <- text }
	h, err := engine.StartOn(t.Context(), c, r, serving(t, nil), archive, noWarning(t))
	if err == nil {
		defer h.Close()
		_, err = h.Wait()
	}
	if err != nil || len(r.Ours()) > 0 {
		t.Fatalf("%v, ours %v", err, r.Ours())
	}
	close(said)
	var all []string
	for text := range said {
		all = append(all, text)
	}
	slices.Sort(all)
	if len(all) == 0 || !strings.HasPrefix(all[len(all)-1], "the helper's container is not recorded: state directory ") {
		t.Errorf("it says %q", all)
	}
}
