//go:build unix

package mount

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nsjoin/docker-nsjoin/pkg/engine"
	"github.com/nsjoin/docker-nsjoin/pkg/mounts"
	"github.com/nsjoin/docker-nsjoin/pkg/request"
	"github.com/nsjoin/docker-nsjoin/pkg/state"
)

// Two calls keep a mount at the same place. Each is ended by the end of its own mount, and one whose mount is not there
// by the path.
func TestKeepersEnd(t *testing.T) {
	register := engine.Register{State: privateState(t), Endpoint: "unix:///engine"}
	web := request.Source{From: request.FromContainer, Name: "web", Container: &request.Container{ID: "0f00"}}
	var calls []context.Context
	start := func(register engine.Register, id int) *keeper {
		t.Helper()
		ctx, end := context.WithCancelCause(t.Context())
		k := newKeeper(end)
		stop, err := k.begin(register, &request.Request{Base: web, Mount: &request.Mount{Source: "/src", Target: "/link"}})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(stop)
		if id != 0 {
			k.kept.Mount = mounts.Record{Container: "0f00", ID: id, Source: "/src", Target: "/srv", Keeper: k.kept.Mount.Keeper}
		}
		calls = append(calls, ctx)
		return k
	}
	first, second := start(register, 1), start(register, 2)
	waiting := start(register, 0)
	waiting.kept.Error = "no such directory"
	other := register
	other.Endpoint = "unix:///other"
	start(other, 2)
	expect := func(want string) {
		t.Helper()
		got := ""
		for _, ctx := range calls {
			got += map[bool]string{true: "e", false: "-"}[errors.Is(context.Cause(ctx), errUnmounted)]
		}
		if got != want {
			t.Fatalf("ended: %s, want %s", got, want)
		}
	}
	if list := keepers(register, "0f00"); len(list) != 3 {
		t.Fatalf("%+v", list)
	}
	for _, id := range []string{"web", "0f", "0e", ""} {
		if got := keepers(register, id); len(got) != 0 {
			t.Errorf("%q: %+v", id, got)
		}
	}
	unmounted := func(m mounts.Record) { t.Helper(); endThatMade(t, register, m) }
	gone := func(target string, live []*mounts.Record) []kept { t.Helper(); return endAt(t, register, target, live) }
	unmounted(second.kept.Mount)
	expect("-e--")
	live := []*mounts.Record{&first.kept.Mount}
	if got := gone("/other", live); len(got) != 0 {
		t.Errorf("%+v", got)
	}
	expect("-e--")
	if got := gone("/link", live); len(got) != 1 || got[0].Error != "no such directory" {
		t.Errorf("%+v", got)
	}
	expect("-ee-")
	if got := gone("/srv", nil); len(got) != 1 {
		t.Errorf("of a stopped container: %+v", got)
	}
	expect("eee-")

	// One has mounted without knowing: it ends with that mount, and not as long as it is there.
	unknown := start(register, 3)
	made := mounts.Record{Container: "0f00", ID: 4, Target: "/srv", Keeper: unknown.kept.Mount.Keeper}
	unknown.kept.Error = "the answer is lost"
	if got := gone("/srv", []*mounts.Record{&made}); len(got) != 0 {
		t.Errorf("%+v", got)
	}
	expect("eee--")
	unmounted(made)
	expect("eee-e")

	// A mount that the container's first process has hidden from itself cannot be unmounted: the call ends, so that it does not
	// mount again at the next start.
	hidden := start(register, 5)
	behind := mounts.Record{Container: "0f00", ID: 6, Target: "/srv", Keeper: hidden.kept.Mount.Keeper, Hidden: true}
	seen := behind
	seen.Hidden = false
	if got := gone("/srv", []*mounts.Record{&behind, &seen}); len(got) != 0 {
		t.Errorf("%+v", got)
	}
	expect("eee-e-")
	if got := gone("/srv", []*mounts.Record{&behind}); len(got) != 1 || !got[0].hides([]*mounts.Record{&behind}) || got[0].hides([]*mounts.Record{&seen}) {
		t.Errorf("%+v", got)
	}
	expect("eee-ee")
}

// endThatMade ends the call that has made a mount.
func endThatMade(t *testing.T, register engine.Register, m mounts.Record) {
	t.Helper()
	held := hold(register, "0f00", answerWithin)
	defer release(held)
	for _, k := range held {
		if k.made(&m) {
			if err := k.end(); err != nil {
				t.Error(err)
			}
		}
	}
}

// endAt ends the calls that keep a mount at a path which is not there.
func endAt(t *testing.T, register engine.Register, target string, live []*mounts.Record) []kept {
	t.Helper()
	held := hold(register, "0f00", answerWithin)
	defer release(held)
	ended, err := forget(held, target, live)
	if err != nil {
		t.Error(err)
	}
	return ended
}

// umount waits for what a call with --keep is mounting, in a run of the container that has just begun. As long as umount
// unmounts, that call does not mount again; nor does it afterwards, if it was ended.
func TestUmountHoldsTheKeeper(t *testing.T) {
	register := engine.Register{State: privateState(t), Endpoint: "unix:///engine"}
	ctx, end := context.WithCancelCause(t.Context())
	k, o := newKeeper(end), &options{}
	base := request.Source{From: request.FromContainer, Name: "web", Container: &request.Container{ID: "0f00"}}
	stop, err := k.begin(register, &request.Request{Base: base, Mount: &request.Mount{Source: "/src", Target: "/srv"}})
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	mount := func(id int, during func()) error {
		_, err := k.mount(t.Context(), o, func() error {
			during()
			o.done = &mounts.Record{Container: "0f00", ID: id, Target: "/srv", Keeper: k.kept.Mount.Keeper}
			return nil
		})
		return err
	}
	holding := make(chan []*keeping)
	if err := mount(1, func() {
		go func() { holding <- hold(register, "0f00", answerWithin) }()
		// It does not answer before the mount is there.
		select {
		case <-holding:
			t.Fatal("it is held while it mounts")
		case <-time.After(100 * time.Millisecond): // a correct program passes, however slow the machine is
		}
	}); err != nil {
		t.Fatal(err)
	}
	held := <-holding
	if len(held) != 1 || held[0].Mount.ID != 1 {
		t.Fatalf("%+v", held)
	}
	// The container is started again: the call has to wait, and goes on when umount has failed.
	running := false
	again := make(chan error)
	go func() { again <- mount(2, func() { running = true }) }()
	select {
	case err := <-again:
		t.Fatalf("it mounts while it is held: %v", err)
	case <-time.After(100 * time.Millisecond):
	}
	release(held)
	if err := <-again; err != nil || !running || ctx.Err() != nil {
		t.Fatalf("%v, %v", err, ctx.Err())
	}
	// umount has unmounted what was mounted before: nothing is mounted any more.
	held = hold(register, "0f00", answerWithin)
	go func() { again <- mount(3, func() { t.Error("it mounts after umount") }) }()
	if len(held) != 1 || !held[0].made(&mounts.Record{ID: 1, Keeper: k.kept.Mount.Keeper}) {
		t.Fatalf("%+v", held)
	}
	if err := held[0].end(); err != nil {
		t.Error(err)
	}
	release(held)
	if err := <-again; !errors.Is(err, errUnmounted) || !errors.Is(context.Cause(ctx), errUnmounted) {
		t.Errorf("%v, %v", err, context.Cause(ctx))
	}
	if list := keepers(register, "0f00"); len(list) > 0 {
		t.Errorf("%+v", list)
	}
}

// A call that waits until umount has ended ends by a signal.
func TestKeeperEndsWhileItIsHeld(t *testing.T) {
	register := engine.Register{State: privateState(t), Endpoint: "unix:///engine"}
	ctx, end := context.WithCancelCause(t.Context())
	k := newKeeper(end)
	base := request.Source{From: request.FromContainer, Name: "web", Container: &request.Container{ID: "0f00"}}
	stop, err := k.begin(register, &request.Request{Base: base, Mount: &request.Mount{Source: "/src", Target: "/srv"}})
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	held := hold(register, "0f00", answerWithin)
	defer release(held)
	if len(held) != 1 || held[0].silent {
		t.Fatalf("%+v", held)
	}
	interrupted := errors.New("interrupted")
	end(interrupted)
	mounted, err := k.mount(ctx, &options{}, func() error {
		t.Error("it mounts")
		return nil
	})
	if mounted || !errors.Is(err, interrupted) {
		t.Errorf("%v, %v", mounted, err)
	}
}

// A call that does not answer is listed, and umount of what it keeps fails: it will be mounted again. One of another
// container is not waited for.
func TestKeeperThatDoesNotAnswer(t *testing.T) {
	register := engine.Register{State: privateState(t), Endpoint: "unix:///engine"}
	silent := func(id string, pid int, target request.Word) {
		t.Helper()
		says := kept{PID: pid, Container: id, Asked: string(target), Mount: mounts.Record{Source: "/src", Target: target, Keeper: "k" + string(target)}}
		text, err := json.Marshal(says)
		if err != nil {
			t.Fatal(err)
		}
		record, err := register.State.Add(state.Mount, state.Entry{Name: rand.Text(), Endpoint: register.Endpoint, Keeps: text})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(record.Remove)
		socket, err := record.Listen()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { socket.Close() })
	}
	silent("db00", 6, "/srv")
	silent("0f00", 7, "/srv")
	var out strings.Builder
	here := mounts.Record{ID: 1, Target: "/moved", Keeper: "k/srv"}
	if err := (&options{format: "{{.Target}} {{.Options}} {{.Kept}}"}).list(&out, []*mounts.Record{&here}, keepers(register, "0f00"), nil, "web"); err != nil {
		t.Fatal(err)
	}
	if want := "/moved rw process 7 does not answer\n"; out.String() != want {
		t.Errorf("%q, want %q", out.String(), want)
	}
	held := hold(register, "0f00", time.Millisecond)
	defer release(held)
	if len(held) != 1 || !held[0].silent || !held[0].made(&here) {
		t.Fatalf("%+v", held)
	}
	const want = "process 7, which keeps it mounted, does not answer: it will be mounted again; end it with kill -9 7"
	if err := held[0].end(); err == nil || err.Error() != want {
		t.Error(err)
	}
	if _, err := forget(held, "/other", nil); err != nil {
		t.Error(err)
	}
	if ended, err := forget(held, "/srv", nil); err == nil || err.Error() != want || len(ended) > 0 {
		t.Errorf("%+v, %v", ended, err)
	}
}

// privateState returns a directory of records for a test.
func privateState(t *testing.T) *state.Dir {
	t.Helper()
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("XDG_RUNTIME_DIR", dir)
	t.Setenv("LOCALAPPDATA", dir) // of Windows
	return &state.Dir{Config: dir}
}

// What keeps mounts in a container is ended, or listed, without it only if the engine says that the container does not run.
func TestWithoutContainer(t *testing.T) {
	register := engine.Register{State: privateState(t), Endpoint: "unix:///engine"}
	kept, end := context.WithCancelCause(t.Context())
	k := newKeeper(end)
	base := request.Source{From: request.FromContainer, Name: "db", Container: &request.Container{ID: "db00"}}
	stop, err := k.begin(register, &request.Request{Base: base, Mount: &request.Mount{Source: "/src", Target: "/srv"}})
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	stopped := &engine.NotRunningError{Name: "db", State: "has exited", ID: "db00"}
	umount := &request.Request{
		Base:  request.Source{From: request.FromContainer, Name: "db"},
		Mount: &request.Mount{Action: request.MountDetach, Target: "/srv"},
	}
	list := &request.Request{Base: umount.Base, Mount: &request.Mount{Action: request.MountList}}
	unused := func([]*keeping) (bool, error) {
		t.Error("it is looked for again")
		return false, nil
	}
	for _, row := range []struct {
		ctx context.Context
		err error
	}{
		{t.Context(), os.ErrPermission},
		{t.Context(), context.DeadlineExceeded},
		{t.Context(), &engine.NoContainerError{Name: "db"}}, // it may have another name now
		{t.Context(), &engine.NotRunningError{Name: "db", State: "has exited", ID: "0f00"}},
		{t.Context(), &engine.NotRunningError{Name: "web", State: "has exited", ID: "db00"}},
		{ended, stopped},
	} {
		for _, r := range []*request.Request{umount, list} {
			if err := (&options{}).withoutContainer(row.ctx, register, r, row.err, unused); !errors.Is(err, row.err) || kept.Err() != nil {
				t.Errorf("%s after %v: %v, %v", r.Mount.Action, row.err, err, kept.Err())
			}
		}
	}
	if err := (&options{format: "{{.Target}}"}).withoutContainer(t.Context(), register, list, stopped, unused); err != nil {
		t.Error(err)
	}
	// It has been started since, and is unmounted.
	failed := errors.New("it is in use")
	if err := (&options{}).withoutContainer(t.Context(), register, umount, stopped, func(held []*keeping) (bool, error) {
		if len(held) != 1 {
			t.Errorf("%+v", held)
		}
		return true, failed
	}); !errors.Is(err, failed) || kept.Err() != nil {
		t.Errorf("%v, %v", err, kept.Err())
	}
	still := func([]*keeping) (bool, error) { return false, nil }
	if err := (&options{}).withoutContainer(t.Context(), register, umount, stopped, still); err != nil || !errors.Is(context.Cause(kept), errUnmounted) {
		t.Errorf("%v, %v", err, context.Cause(kept))
	}
}

// What could not be mounted is tried again, later and later; each start of the container begins anew.
func TestTries(t *testing.T) {
	now := time.Unix(1_000_000, 0)
	after := func(d time.Duration) time.Time { return now.Add(d) }
	try := &tries{mounted: "first"}
	if try.due("first", now) || !try.due("second", now) {
		t.Error("it is mounted once in each run")
	}
	failed := errors.New("no such directory")
	if !try.failed("second", failed, now) || try.failed("second", failed, now) {
		t.Error("an error is reported once")
	}
	if try.due("second", after(3*time.Second)) || !try.due("second", after(4*time.Second)) || !try.due("third", now) {
		t.Errorf("%+v", try)
	}
	for range 10 {
		try.failed("second", failed, now)
	}
	if !try.due("second", after(retryAtMost)) || try.due("second", after(retryAtMost-1)) {
		t.Errorf("%+v", try)
	}
	if !try.failed("third", failed, now) || !try.due("third", after(lookEvery)) {
		t.Errorf("%+v", try)
	}
}

func TestListOfKept(t *testing.T) {
	var out strings.Builder
	o := &options{format: "{{.Target}} {{.Options}} {{.Kept}}"}
	here := mounts.Record{ID: 1, Target: "/srv"}
	waiting := []kept{{PID: 7, Mount: here}, {PID: 8, Mount: mounts.Record{Target: "/data"}, Error: "no such directory"}}
	if err := o.list(&out, []*mounts.Record{&here}, waiting, nil, "web"); err != nil {
		t.Fatal(err)
	}
	if want := "/srv rw process 7\n/data not mounted process 8: no such directory\n"; out.String() != want {
		t.Errorf("%q, want %q", out.String(), want)
	}
}

// All calls are asked at the same time: none waits for those before it.
func TestKeepersAreAskedAtOnce(t *testing.T) {
	register := engine.Register{State: privateState(t), Endpoint: "unix:///engine"}
	const calls = 4
	var asked sync.WaitGroup
	asked.Add(calls)
	for pid := range calls {
		says, err := json.Marshal(kept{PID: pid, Container: "0f00"})
		if err != nil {
			t.Fatal(err)
		}
		record, err := register.State.Add(state.Mount, state.Entry{Name: rand.Text(), Endpoint: register.Endpoint, Keeps: says})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(record.Remove)
		socket, err := record.Listen()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { socket.Close() })
		go func() {
			conn, err := socket.Accept()
			if err != nil {
				return
			}
			defer conn.Close()
			if err := json.NewDecoder(conn).Decode(&question{}); err != nil {
				t.Error(err)
			}
			asked.Done()
			asked.Wait()
			_, _ = conn.Write(append(says, '\n'))
		}()
	}
	seen := make(map[int]bool)
	for _, k := range answering(register, "0f00", time.Minute) {
		if k.silent {
			t.Errorf("%d was not asked with the others", k.PID)
		}
		seen[k.PID] = true
	}
	if len(seen) != calls {
		t.Errorf("%v", seen)
	}
}
