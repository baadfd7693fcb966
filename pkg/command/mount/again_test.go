package mount

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/nsjoin/docker-nsjoin/pkg/engine"
	"github.com/nsjoin/docker-nsjoin/pkg/mounts"
	"github.com/nsjoin/docker-nsjoin/pkg/request"
)

// startedAt answers about a container that was started at that time.
type startedAt string

func (s startedAt) Resolve(_ context.Context, r *request.Request) (answers engine.Answers, err error) {
	r.Base.Container = &request.Container{ID: r.Base.Name}
	err = json.Unmarshal(fmt.Appendf(nil, `{%q: {"State": {"StartedAt": %q}}}`, r.Base.Name, s), &answers)
	return answers, err
}

// It is mounted once in each run, whatever is known of the run and of the mount.
func TestAgainMountsOnce(t *testing.T) {
	calls, full := 0, errors.New("no space left on device")
	var made *mounts.Record
	var failure error
	k := newKeeper(nil)
	o := &options{done: &mounts.Record{ID: 1}}
	a := &again{
		keeper: k, o: o, tries: tries{mounted: "first"},
		first: &request.Request{
			Base:  request.Source{From: request.FromContainer, Name: "web", Container: &request.Container{ID: "0f00"}},
			Mount: &request.Mount{Keeper: "k"},
		},
		carryOut: func(r *request.Request, answers engine.Answers) error {
			if calls++; r.Mount.Keeper != "k" || r.Base.Name != "web" || answers["web"].State == nil {
				t.Errorf("%+v, %v", r, answers)
			}
			if made != nil {
				o.done = made
			}
			return failure
		},
	}
	look := func(start, now string, wantCalls int, want error) {
		t.Helper()
		a.host = startedAt(now)
		if err := a.look(t.Context(), start); !errors.Is(err, want) || calls != wantCalls {
			t.Errorf("%v after %d calls, want %v after %d", err, calls, want, wantCalls)
		}
	}
	look("first", "first", 0, nil)
	// It was started again after the first look.
	made = &mounts.Record{ID: 2}
	look("second", "third", 1, nil)
	look("third", "third", 1, nil)
	// It was mounted, and that could not be printed.
	made, failure = &mounts.Record{ID: 3}, full
	look("fourth", "fourth", 2, full)
	look("fourth", "fourth", 2, nil)
	if k.kept.Mount.ID != 3 || k.kept.Error != "" {
		t.Errorf("%+v", k.kept)
	}
	// It was not mounted: what was done before does not count.
	made = nil
	look("fifth", "fifth", 3, full)
	if k.kept.Mount.ID != 3 || k.kept.Error != full.Error() {
		t.Errorf("%+v", k.kept)
	}
	a.next = a.next.Add(-lookEvery)
	look("fifth", "fifth", 4, nil) // the same error again
	made, failure, a.next = &mounts.Record{ID: 4}, nil, a.next.Add(-retryAtMost)
	look("fifth", "fifth", 5, nil)
	look("fifth", "fifth", 5, nil)
	if k.kept.Mount.ID != 4 || k.kept.Error != "" {
		t.Errorf("%+v", k.kept)
	}
}

// What holds a volume is started again later and later if it fails or ends at once, and each failure is said once.
func TestVolumeIsHeldAgainLater(t *testing.T) {
	var h holds
	now, started := time.Now(), 0
	failure := errors.New("no such image")
	look := func(ended bool, after time.Duration, err error) error {
		now = now.Add(after)
		return h.look(ended, now, func() error { started++; return err })
	}
	for i, row := range []struct {
		ended       bool
		after       time.Duration
		err         error
		started     int // so far
		wantFailure bool
	}{
		{false, 0, nil, 0, false},
		{true, lookEvery, failure, 1, true},
		{true, lookEvery, failure, 2, false},
		{true, lookEvery, failure, 2, false}, // later
		{true, lookEvery, failure, 3, false},
		{true, retryAtMost, nil, 4, false},
		{true, lookEvery, nil, 4, false}, // it has ended at once
		{true, retryAtMost, nil, 5, false},
		{false, lookEvery, nil, 5, false}, // it runs
		{true, lookEvery, failure, 6, true},
	} {
		if err := look(row.ended, row.after, row.err); started != row.started || (err != nil) != row.wantFailure {
			t.Errorf("look %d: started %d times, %v", i, started, err)
		}
	}
}
