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

// keeping is another call with --keep: what it has said of itself, where it is asked, and while it is held, so that it does not
// mount, the connection that holds it. One that is silent cannot be held.
type keeping struct {
	kept

	call ask.Call
	conn net.Conn // nil if it is not held
}

// answering asks all calls at the same time, and gives each the time within to answer. Those that do not are in the list, too.
func answering(register engine.Register, id string, within time.Duration) []*keeping {
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
	list := ask.All(asked, func(r *ask.Record) *keeping {
		k := &keeping{call: r.Call(state.Mount)}
		if err := k.ask(question{}, within); err != nil && !isSilent(err) {
			return nil
		}
		k.release()
		return k
	})
	for i, k := range list {
		if k != nil && k.silent {
			k.kept, k.silent = noted[i], true
		}
	}
	return slices.DeleteFunc(list, func(k *keeping) bool { return k == nil })
}

// ask asks the call, and keeps the connection. It notes whether the call is silent.
func (k *keeping) ask(q question, within time.Duration) error {
	var says kept
	conn, err := k.call.Ask(context.Background(), within, q, &says)
	if err != nil {
		k.silent = isSilent(err)
		return err
	}
	k.kept, k.conn = says, conn
	return nil
}

// release closes the connection.
func (k *keeping) release() {
	if k.conn != nil {
		k.conn.Close()
		k.conn = nil
	}
}

// isSilent reports whether an error says that a call is there and does not answer: its time is over, or too many wait for it
// already. Otherwise it has ended.
func isSilent(err error) bool {
	return errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, syscall.EAGAIN)
}

// hold holds the user's calls that keep mounts in the container with this full ID. What they say is true until they are
// released, also if the container is started meanwhile. Each has the time within to answer. Those that do not are in the list, too.
// They are held one after the other: two calls of hold in different orders would wait for each other.
func hold(register engine.Register, id string, within time.Duration) (list []*keeping) {
	for _, k := range answering(register, id, within) {
		if k.silent || k.ask(question{Hold: id}, holdWithin) == nil || k.silent {
			list = append(list, k)
		}
	}
	return list
}

func release(list []*keeping) {
	for _, k := range list {
		k.release()
	}
}

// end ends the call. It is an error if the call does not say that it has ended: it was killed, was held for too long, or does
// not answer.
func (k *keeping) end() error {
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
func forget(held []*keeping, target string, live []*mounts.Record) (ended []kept, err error) {
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
