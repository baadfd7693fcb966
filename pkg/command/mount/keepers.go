package mount

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"syscall"
	"time"

	"github.com/nsjoin/docker-nsjoin/pkg/engine"
	"github.com/nsjoin/docker-nsjoin/pkg/mounts"
	"github.com/nsjoin/docker-nsjoin/pkg/state"
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
	eachKeeper(register, id, listWithin, func(_ string, k kept) { list = append(list, k) })
	return list
}

// eachKeeper gives each call the time within to answer. visit is told of those that do not, too.
func eachKeeper(register engine.Register, id string, within time.Duration, visit func(name string, k kept)) {
	if register.State == nil {
		return
	}
	ours := func(e state.Entry) bool { return e.Endpoint == register.Endpoint }
	abandoned, err := register.State.Abandoned(state.Mount, ours)
	if err != nil {
		return
	}
	for _, record := range abandoned {
		record.Remove()
	}
	entries, err := register.State.List(state.Mount)
	if err != nil {
		return
	}
	for _, e := range entries {
		if !ours(e) {
			continue
		}
		var noted kept
		if json.Unmarshal(e.Keeps, &noted) != nil || noted.Container != id {
			continue
		}
		k, conn, err := ask(register, e.Name, question{}, within)
		switch {
		case err == nil:
			conn.Close()
			visit(e.Name, k)
		case isSilent(err):
			noted.silent = true
			visit(e.Name, noted)
		}
	}
}

// ask asks the call that has the record of that name. The caller closes conn, unless there is an error.
func ask(register engine.Register, name string, q question, within time.Duration) (k kept, conn net.Conn, err error) {
	if conn, err = register.State.Dial(state.Mount, name); err != nil {
		return k, nil, err
	}
	if k, err = exchange(conn, q, within); err != nil {
		conn.Close()
		return k, nil, err
	}
	return k, conn, nil
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
func hold(register engine.Register, id string, within time.Duration) (list []*heldKeeper) {
	eachKeeper(register, id, within, func(name string, k kept) {
		if k.silent {
			list = append(list, &heldKeeper{kept: k})
			return
		}
		held, conn, err := ask(register, name, question{Hold: id}, holdWithin)
		switch {
		case err == nil:
			list = append(list, &heldKeeper{held, conn})
		case isSilent(err):
			k.silent = true
			list = append(list, &heldKeeper{kept: k})
		}
	})
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
	says, err := exchange(k.conn, question{End: true}, answerWithin)
	if err == nil && !says.Ended {
		err = errors.New("it goes on")
	}
	if err != nil {
		return fmt.Errorf("end the call with --keep, process %d: %w", k.PID, err)
	}
	return nil
}

// exchange sends a question, and reads the answer.
func exchange(conn net.Conn, ask question, within time.Duration) (k kept, err error) {
	_ = conn.SetDeadline(time.Now().Add(within))
	if err := json.NewEncoder(conn).Encode(ask); err != nil {
		return k, err
	}
	err = receive(conn, &k)
	return k, err
}

// receive reads a question or an answer.
func receive(conn net.Conn, to any) error {
	const most = 64 << 10
	return json.NewDecoder(io.LimitReader(conn, most)).Decode(to)
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
