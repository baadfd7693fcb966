package mount

import (
	"encoding/json"
	"errors"
	"io"
	"net"
	"slices"
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
}

// question is what another call asks. With End, the call with --keep ends if Mount is its last mount, or one that it has
// made without knowing.
type question struct {
	End   bool
	Mount mounts.Record
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

// answerWithin is how long another call of the user's may take.
const answerWithin = 2 * time.Second

// keepers asks the user's calls that keep mounts in the container with this full ID: names, and beginnings of IDs, may be
// those of another one by now. It removes the records of those that were killed.
func keepers(register engine.Register, id string, ask question) (list []kept) {
	if register.State == nil {
		return nil
	}
	ours := func(e state.Entry) bool { return e.Endpoint == register.Endpoint }
	abandoned, err := register.State.Abandoned(state.Mount, ours)
	if err != nil {
		return nil
	}
	for _, record := range abandoned {
		record.Remove()
	}
	entries, err := register.State.List(state.Mount)
	if err != nil {
		return nil
	}
	for _, e := range entries {
		if !ours(e) {
			continue
		}
		conn, err := register.State.Dial(state.Mount, e.Name)
		if err != nil {
			continue
		}
		if k, err := exchange(conn, ask); err == nil && k.Container == id {
			list = append(list, k)
		}
		conn.Close()
	}
	return list
}

// exchange sends a question, and reads the answer.
func exchange(conn net.Conn, ask question) (k kept, err error) {
	_ = conn.SetDeadline(time.Now().Add(answerWithin))
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

// forget ends the calls that keep a mount at a path which is not there, and reports whether there were any. live are the
// mounts that the container has.
func forget(register engine.Register, id, target string, live []*mounts.Record) (ended []kept) {
	for _, k := range keepers(register, id, question{}) {
		if !k.at(target) || k.isLive(live) {
			continue
		}
		for _, k := range keepers(register, id, question{End: true, Mount: k.Mount}) {
			if k.Ended {
				ended = append(ended, k)
			}
		}
	}
	return ended
}

// errUnmounted ends a call with --keep.
var errUnmounted = errors.New("it was unmounted")
