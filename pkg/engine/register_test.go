package engine_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/containerd/errdefs"

	"github.com/nsjoin/docker-nsjoin/pkg/engine"
	"github.com/nsjoin/docker-nsjoin/pkg/state"
	"github.com/nsjoin/docker-nsjoin/pkg/state/statetest"
)

const endpoint = "unix:///engine"

// newRegister returns a register in a state directory of its own.
func newRegister(t *testing.T) engine.Register {
	t.Helper()
	d, _ := statetest.Dir(t)
	return engine.Register{
		State: d, Endpoint: endpoint, Context: "default",
		Debug: func(text string) {
			if t.Context().Err() == nil { // a sweep may go on in the background
				t.Errorf("debug message %q", text)
			}
		},
	}
}

// recordedNames lists the records as names, with IDs in parentheses.
func recordedNames(t *testing.T, r engine.Register) []string {
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

func TestHelperIsRecordedUntilRemoved(t *testing.T) {
	c, r := &fakeEngine{images: []string{"own ID"}}, newRegister(t)
	h, err := engine.StartHelper(t.Context(), c, r, files, engine.Keep{}, newTestSpec(t, nil), nil, noWarning(t))
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	const name = "docker-nsjoin-c0ffee"
	if got := recordedNames(t, r); !slices.Equal(got, []string{name + " (helper1)"}) || !slices.Equal(c.names, []string{name}) || !r.HelperIDs()["helper1"] {
		t.Errorf("recorded %q, named %q, IDs %v", got, c.names, r.HelperIDs())
	}
	if _, err := h.Wait(); err != nil {
		t.Fatal(err)
	}
	if got := recordedNames(t, r); len(got)+len(c.swept) > 0 {
		t.Errorf("recorded %q, swept %q", got, c.swept)
	}
}

// A container that the engine doesn't remove stays recorded, and the next one has another name.
func TestRecordStaysWhenRemovalFails(t *testing.T) {
	for removed, want := range map[error][]string{
		nil: nil, errdefs.ErrNotFound: nil, errors.New("busy"): {"docker-nsjoin-c0ffee (helper1)"},
	} {
		c, r := &fakeEngine{images: []string{"own ID"}, fails: map[string]error{"remove": removed, "start": errors.New("no")}}, newRegister(t)
		if _, err := engine.StartHelper(t.Context(), c, r, files, engine.Keep{}, newTestSpec(t, nil), nil, noWarning(t)); err == nil {
			t.Fatal("the helper has started")
		}
		if got := recordedNames(t, r); !slices.Equal(got, want) {
			t.Errorf("%v: recorded %q, want %q", removed, got, want)
		}
	}
	c, r := &fakeEngine{images: []string{"own ID"}, lacksCaps: true, fails: map[string]error{"remove": errors.New("busy")}}, newRegister(t)
	s := newTestSpec(t, nil)
	s.Caps = []string{engine.AllCaps}
	h, err := engine.StartHelper(t.Context(), c, r, files, engine.Keep{}, s, nil, func(string) {})
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	if _, err := h.Wait(); err != nil || !slices.Equal(c.names, []string{"docker-nsjoin-c0ffee", "docker-nsjoin-c0ffee-2"}) {
		t.Errorf("%v, named %q", err, c.names)
	}
	if got := recordedNames(t, r); !slices.Equal(got, []string{"docker-nsjoin-c0ffee (helper1)"}) {
		t.Errorf("recorded %q", got)
	}
}

// The next call removes the containers of a killed client: by ID, or by name if the client didn't learn
// the ID, and never by force.
func TestAbandonedContainersAreSwept(t *testing.T) {
	c, r := &fakeEngine{images: []string{"own ID"}}, newRegister(t)
	long := time.Now().Add(-time.Hour)
	alive, err := r.State.Add(state.Helper, state.Entry{Name: "of a living client", Endpoint: endpoint, Began: long})
	if err != nil {
		t.Fatal(err)
	}
	defer alive.Remove()
	c.sweepErrs = make(map[string]error)
	for _, row := range []struct {
		name, id, endpoint string
		began              time.Time
		answer             error
	}{
		{"never started", "id1", endpoint, long, nil},
		{"without an ID", "", endpoint, long, nil},
		{"gone", "id2", endpoint, time.Now(), errdefs.ErrNotFound},
		{"running", "id3", endpoint, long, errdefs.ErrConflict},
		{"of another engine", "id4", "tcp://other", long, nil},
		{"never made", "", endpoint, long, errdefs.ErrNotFound},
		{"pending", "", endpoint, time.Now(), errdefs.ErrNotFound},
		{"from the future", "", endpoint, time.Now().Add(time.Hour), errdefs.ErrNotFound},
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
		c.sweepErrs[at] = row.answer
		record.Release()
	}
	h, err := engine.StartHelper(t.Context(), c, r, files, engine.Keep{}, newTestSpec(t, nil), nil, noWarning(t))
	if err == nil {
		defer h.Close()
		_, err = h.Wait()
	}
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(c.swept)
	if want := []string{"from the future", "id1", "id2", "id3", "never made", "pending", "without an ID"}; !slices.Equal(c.swept, want) {
		t.Errorf("swept %q, want %q", c.swept, want)
	}
	want := []string{"of a living client ()", "of another engine (id4)", "pending ()", "running (id3)"}
	if got := recordedNames(t, r); !slices.Equal(got, want) || len(c.removed) > 0 {
		t.Errorf("recorded %q, want %q; removed by force %q", got, want, c.removed)
	}
}

// Without an answer the container may still be created: it stays recorded unless it was removed.
func TestRecordStaysWhenCreateHasNoAnswer(t *testing.T) {
	for removed, want := range map[error][]string{nil: nil, context.Canceled: {"docker-nsjoin-c0ffee ()"}} {
		c, r := &fakeEngine{fails: map[string]error{"create": context.Canceled, "remove": removed}}, newRegister(t)
		_, err := engine.StartHelper(t.Context(), c, r, files, engine.Keep{}, newTestSpec(t, nil), nil, noWarning(t))
		if got := recordedNames(t, r); err == nil || !slices.Equal(got, want) {
			t.Errorf("%v: %v, recorded %q, want %q", removed, err, got, want)
		}
	}
}

// Without a state directory the call goes on, with a debug message.
func TestHelperStartsWithoutStateDirectory(t *testing.T) {
	c, r := &fakeEngine{images: []string{"own ID"}}, newRegister(t)
	statetest.Spoil(t, r.State)
	said := make(chan string, 9)
	r.Debug = func(text string) { said <- text }
	h, err := engine.StartHelper(t.Context(), c, r, files, engine.Keep{}, newTestSpec(t, nil), nil, noWarning(t))
	if err == nil {
		defer h.Close()
		_, err = h.Wait()
	}
	if err != nil || len(r.HelperIDs()) > 0 {
		t.Fatalf("%v, IDs %v", err, r.HelperIDs())
	}
	close(said)
	var all []string
	for text := range said {
		all = append(all, text)
	}
	slices.Sort(all)
	if len(all) == 0 || !strings.HasPrefix(all[len(all)-1], "cannot record the helper's container: state directory ") {
		t.Errorf("debug messages %q", all)
	}
}
