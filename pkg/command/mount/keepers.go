package mount

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"syscall"
	"time"

	"github.com/nsjoin/docker-nsjoin/pkg/engine"
	"github.com/nsjoin/docker-nsjoin/pkg/mounts"
	"github.com/nsjoin/docker-nsjoin/pkg/state"
	"github.com/nsjoin/docker-nsjoin/pkg/state/ask"
)

// kept is what a call with --keep says to the user's other calls.
type kept struct {
	PID       int    `json:"pid"`
	Container string `json:"container"` // full ID
	// Mount is the last mount that it has made. Before the first one, it has only what was asked for.
	Mount mounts.Record `json:"mount"`
	Asked string        `json:"asked"` // the target that the user named
	Error string        `json:"error"` // why it could not mount; "" if it could
	Ended bool          `json:"ended"` // it ends now
	// silent means that it does not answer: it was suspended, say. The rest is from before it has mounted.
	silent bool
}

// question is what another call asks. With Hold, a call with --keep for the container with this full ID finishes what it is
// mounting, answers, and does not mount again until the connection is closed. With End, which follows on that connection, it
// ends.
type question struct {
	Hold string
	End  bool
}

// same reports whether two records are of the same mount.
func same(a, b *mounts.Record) bool {
	return a.Container == b.Container && a.PID == b.PID && a.Start == b.Start && a.ID == b.ID && a.Unique == b.Unique && a.Time == b.Time
}

// at reports whether it keeps a mount at a path.
func (k *kept) at(target string) bool { return k.Asked == target || string(k.Mount.Target) == target }

// made reports whether it has made a mount, perhaps without knowing: the helper's answer may have been lost.
func (k *kept) made(m *mounts.Record) bool {
	return same(m, &k.Mount) || m.Keeper != "" && m.Keeper == k.Mount.Keeper
}

// isLive reports whether a mount of its own is in the list of those of the container's present run.
func (k *kept) isLive(list []*mounts.Record) bool { return slices.ContainsFunc(list, k.made) }

const (
	// answerWithin is how long another call of the user's may take, on a busy machine too.
	answerWithin = 10 * time.Second
	// listWithin is that for a list, which shows a call that does not answer.
	listWithin = 2 * time.Second
	// holdWithin is how long a call with --keep may take to mount, and is held.
	holdWithin = time.Minute
)

// keepers asks the user's calls that keep mounts in the container with this full ID: names, and beginnings of IDs, may be
// those of another one by now. It removes the records of those that were killed.
func keepers(register engine.Register, id string) (list []kept) {
	for _, k := range answering(register, id, listWithin) {
		list = append(list, k.kept)
	}
	return list
}

// answered is a call with --keep, which has answered or is silent.
type answered struct {
	kept

	at ask.Call
}

// answering asks all calls at the same time, and gives each the time within to answer. Those that do not are in the list, too.
func answering(register engine.Register, id string, within time.Duration) []answered {
	if register.State == nil {
		return nil
	}
	ours := func(e state.Entry) bool { return e.Endpoint == register.Endpoint }
	abandoned, err := ask.Abandoned(register.State, state.Mount, ours)
	if err != nil {
		return nil
	}
	for _, record := range abandoned {
		record.Remove()
	}
	records, err := ask.Records(register.State, state.Mount)
	if err != nil {
		return nil
	}
	var asked []ask.Record
	var noted []kept
	for _, r := range records {
		var n kept
		if ours(r.Entry) && json.Unmarshal(r.Keeps, &n) == nil && n.Container == id {
			asked, noted = append(asked, r), append(noted, n)
		}
	}
	type answer struct {
		answered

		err error
	}
	var list []answered
	for i, a := range ask.All(asked, func(r *ask.Record) (a answer) {
		var conn net.Conn
		a.at = r.Call(state.Mount)
		if a.kept, conn, a.err = askOne(a.at, question{}, within); a.err == nil {
			conn.Close()
		}
		return a
	}) {
		switch {
		case a.err == nil:
			list = append(list, a.answered)
		case isSilent(a.err):
			noted[i].silent = true
			list = append(list, answered{noted[i], a.at})
		}
	}
	return list
}

// askOne asks a call. The caller closes conn, unless there is an error.
func askOne(at ask.Call, q question, within time.Duration) (k kept, conn net.Conn, err error) {
	conn, err = at.Ask(context.Background(), within, q, &k)
	return k, conn, err
}

// isSilent reports whether an error says that a call is there and does not answer: its time is over, or too many wait for it
// already. Otherwise it has ended.
func isSilent(err error) bool {
	return errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, syscall.EAGAIN)
}

// heldKeeper is a call with --keep that does not mount as long as it is held. One that is silent is not held, and has no conn.
type heldKeeper struct {
	kept
	conn net.Conn
}

// hold holds the user's calls that keep mounts in the container with this full ID. What they say is true until they are
// released, also if the container is started meanwhile. Each has the time within to answer. Those that do not are in the list, too.
// They are held one after the other: two calls of hold in different orders would wait for each other.
func hold(register engine.Register, id string, within time.Duration) (list []*heldKeeper) {
	for _, k := range answering(register, id, within) {
		if k.silent {
			list = append(list, &heldKeeper{kept: k.kept})
			continue
		}
		held, conn, err := askOne(k.at, question{Hold: id}, holdWithin)
		switch {
		case err == nil:
			list = append(list, &heldKeeper{held, conn})
		case isSilent(err):
			k.silent = true
			list = append(list, &heldKeeper{kept: k.kept})
		}
	}
	return list
}

func release(list []*heldKeeper) {
	for _, k := range list {
		if k.conn != nil {
			k.conn.Close()
		}
	}
}

// end ends the call. It is an error if the call does not say that it has ended: it was killed, was held for too long, or does
// not answer.
func (k *heldKeeper) end() error {
	if k.silent { // a suspended process does not take SIGTERM
		return fmt.Errorf("process %d, which keeps it mounted, does not answer: it will be mounted again; end it with kill -9 %d", k.PID, k.PID)
	}
	var says kept
	err := ask.Exchange(context.Background(), k.conn, answerWithin, question{End: true}, &says)
	if err == nil && !says.Ended {
		err = errors.New("it goes on")
	}
	if err != nil {
		return fmt.Errorf("end the call with --keep, process %d: %w", k.PID, err)
	}
	return nil
}

// hides reports whether the container's first process has hidden a mount of its own from itself, so that it cannot be unmounted.
func (k *kept) hides(list []*mounts.Record) bool {
	return slices.ContainsFunc(list, func(m *mounts.Record) bool { return m.Hidden && k.made(m) })
}

// forget ends the calls that keep a mount at a path which is not there, or is hidden from the container's first process. live
// are the mounts that the container has.
func forget(held []*heldKeeper, target string, live []*mounts.Record) (ended []kept, err error) {
	seen := slices.DeleteFunc(slices.Clone(live), func(m *mounts.Record) bool { return m.Hidden })
	for _, k := range held {
		if !k.at(target) || k.isLive(seen) {
			continue
		}
		if failed := k.end(); failed != nil {
			err = errors.Join(err, failed)
			continue
		}
		ended = append(ended, k.kept)
	}
	return ended, err
}

// errUnmounted ends a call with --keep.
var errUnmounted = errors.New("it was unmounted")
