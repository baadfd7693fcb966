package engine

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"time"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"

	"github.com/nsjoin/docker-nsjoin/pkg/state"
)

// Remover is the part of the engine's client that removes containers.
type Remover interface {
	ContainerRemove(ctx context.Context, id string, options container.RemoveOptions) error
}

// Register records the helper containers of the user's calls until they are removed. A helper
// container is recognized by the ID that the engine returned: any image can have any label.
type Register struct {
	State *state.Dir // nil records nothing
	// Endpoint is the engine's endpoint, and Context the name of the Docker context.
	Endpoint, Context string
	// Debug gets the reason when something is not recorded.
	Debug func(text string)
}

// BySSH reports whether the endpoint is reached through ssh(1).
func (r Register) BySSH() bool { return strings.HasPrefix(r.Endpoint, "ssh://") }

// debug prints text for the user of docker --debug.
func (r Register) debug(text string) {
	if r.Debug != nil {
		r.Debug(text)
	}
}

// add records a container before it is created. Without a record the call goes on: only a killed
// client leaves a container behind.
func (r Register) add(name string) *state.Record {
	if r.State == nil {
		return nil
	}
	record, err := r.State.Add(state.Helper, state.Entry{Name: name, Endpoint: r.Endpoint, Context: r.Context, Began: time.Now()})
	if err != nil {
		r.debug(fmt.Sprintf("cannot record the helper's container: %v", err))
		return nil
	}
	return record
}

// HelperIDs returns the IDs of the recorded containers.
func (r Register) HelperIDs() map[string]bool {
	ids := make(map[string]bool)
	if r.State == nil {
		return ids
	}
	for _, kind := range []state.Kind{state.Helper, state.Kept} {
		list, err := r.State.List(kind)
		if err != nil {
			r.debug(fmt.Sprintf("cannot list the recorded helper containers: %v", err))
		}
		for _, e := range list {
			if e.ID != "" {
				ids[e.ID] = true
			}
		}
	}
	return ids
}

// createTimeout is how long the engine may take to create a container that a client asked for just
// before it was killed.
const createTimeout = 2 * time.Minute

// sweep removes the containers of this user's clients that died before they started them. A running
// one stays: its helper ends by itself when its client is gone. Without such a record the engine
// gets no request.
func (r Register) sweep(ctx context.Context, engine Remover) {
	if r.State == nil {
		return
	}
	r.RemoveAbandoned(*r.State, state.Helper, createTimeout, func(e state.Entry) error {
		// The name is as good as the ID: it is random and no image can set it.
		return engine.ContainerRemove(ctx, cmp.Or(e.ID, e.Name), container.RemoveOptions{})
	})
}

// RemoveAbandoned removes what this user's killed clients have left on the engine, of a kind that is recorded in dir.
// The engine may take the time pending to make what a client asked for just before it was killed, so the record of
// a thing that is not found stays for so long, if its ID was not known.
func (r Register) RemoveAbandoned(dir state.Dir, kind state.Kind, pending time.Duration, remove func(state.Entry) error) {
	abandoned, err := dir.Abandoned(kind, func(e state.Entry) bool { return e.Endpoint == r.Endpoint })
	if err != nil {
		r.debug(fmt.Sprintf("cannot look for what killed clients have left (%s): %v", kind, err))
	}
	for _, record := range abandoned {
		err := remove(record.Entry)
		age := time.Since(record.Began)
		mayCome := record.ID == "" && age >= 0 && age < pending
		if err == nil || errdefs.IsNotFound(err) && !mayCome {
			record.Remove()
		} else {
			record.Release()
		}
	}
}

// keptName returns the name of the record of the container that is kept on this engine, for a user and a context.
// made is what must be the same for all its calls: calls of another version or with another idle time have another
// container, instead of replacing each other's.
func (r Register) keptName(made ...string) string {
	return nameOf(append([]string{r.Endpoint, r.Context}, made...)...)
}

// nameOf returns a name for a record of what has these properties.
func nameOf(properties ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(properties, "\x00")))
	return ShortID(hex.EncodeToString(sum[:]))
}

// kept returns the record of that name of a container that is kept, if there is one with an ID.
func (r Register) kept(name string) (state.Entry, bool) {
	if r.State == nil {
		return state.Entry{}, false
	}
	list, err := r.State.List(state.Kept)
	if err != nil {
		r.debug(fmt.Sprintf("cannot look for the helper's container that is kept: %v", err))
	}
	for _, e := range list {
		if e.Name == name && e.ID != "" && e.Endpoint == r.Endpoint && e.Context == r.Context {
			return e, true
		}
	}
	return state.Entry{}, false
}

// errKeptByAnother is the error of addKept if another call starts the container, or has just started one.
var errKeptByAnother = errors.New("another call is starting the container that is kept")

// addKept makes the record of a container that is to be kept, in place of that of the container replaced; "" for
// none. What another call has started meanwhile is not replaced.
func (r Register) addKept(name, replaced string) (*state.Record, error) {
	if r.State == nil {
		return nil, errors.New("there is no state directory")
	}
	old, err := r.State.Abandoned(state.Kept, func(e state.Entry) bool {
		return e.Name == name && (e.ID == "" || e.ID == replaced)
	})
	if err != nil {
		return nil, err
	}
	for _, record := range old {
		r.retire(record.Entry)
		record.Remove()
	}
	record, err := r.State.Add(state.Kept, state.Entry{Name: name, Endpoint: r.Endpoint, Context: r.Context, Began: time.Now()})
	if errors.Is(err, fs.ErrExist) {
		return nil, errKeptByAnother
	}
	return record, err
}

// retire records a container that no later call uses. It ends by itself, but may run for the whole idle time, and
// must not be listed among the user's containers.
func (r Register) retire(e state.Entry) {
	if e.ID == "" {
		return
	}
	e.Name += "-" + ShortID(e.ID)
	record, err := r.State.Add(state.Kept, e)
	if err != nil && !errors.Is(err, fs.ErrExist) {
		r.debug(fmt.Sprintf("cannot record the helper's container that was kept: %v", err))
	}
	record.Release()
}

// sweepKept removes the records of containers that have ended, but not the record current.
func (r Register) sweepKept(ctx context.Context, engine Inspector, current string) {
	old, err := r.State.Abandoned(state.Kept, func(e state.Entry) bool {
		return e.Name != current && e.ID != "" && e.Endpoint == r.Endpoint && e.Context == r.Context
	})
	if err != nil {
		r.debug(fmt.Sprintf("cannot look for helper's containers that were kept: %v", err))
	}
	for _, record := range old {
		if _, err := engine.ContainerInspect(ctx, record.ID); errdefs.IsNotFound(err) {
			record.Remove()
		} else {
			record.Release()
		}
	}
}

// restoreCapped puts the record of a container that still runs back, and notes that its engine cannot grant all
// capabilities.
func (r Register) restoreCapped(old state.Entry) {
	record, err := r.addKept(old.Name, "")
	if err != nil {
		return // another call has started one
	}
	record.Entry, record.Capped = old, true
	record.SetID(old.ID)
	record.Release()
}
