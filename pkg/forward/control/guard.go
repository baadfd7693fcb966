package control

import (
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"time"

	"github.com/nsjoin/docker-nsjoin/pkg/forward/listen"
	"github.com/nsjoin/docker-nsjoin/pkg/state"
)

// GuardArg as the plugin's only argument makes it a guard of a call that forwards. The Docker CLI never calls a plugin
// with it.
const GuardArg = "--docker-nsjoin-guard-forward"

// order is what a guard is told on its standard input, which then ends with the call.
type order struct {
	Config string `json:"config"` // of state.Dir
	Name   string `json:"name"`   // of the record
}

// StartGuard starts a second process of the plugin, which removes the record and the UNIX sockets of this call if this
// process is killed. It is in a session of its own, where neither a key nor a signal to a group ends it. stop ends it;
// call it after Close. If the guard cannot be started, the next call cleans up.
func (s *Served) StartGuard(dir *state.Dir) (stop func(), err error) {
	stop = func() {}
	if s == nil || !hasGuards {
		return stop, nil
	}
	self, err := os.Executable()
	if err != nil {
		return stop, err
	}
	theirs, ours, err := os.Pipe()
	if err != nil {
		return stop, err
	}
	defer theirs.Close()
	cmd := exec.Command(self, GuardArg) //nolint:noctx // it ends after this process
	cmd.Dir = "/"
	cmd.Env = variables()
	cmd.Stdin, cmd.SysProcAttr = theirs, apart()
	if err = cmd.Start(); err == nil {
		err = json.NewEncoder(ours).Encode(order{Config: dir.Config, Name: s.record.Name})
	}
	if err != nil {
		ours.Close()
		return stop, err
	}
	return func() {
		_ = cmd.Process.Kill() // there is nothing left to remove
		ours.Close()
		_ = cmd.Wait()
	}, nil
}

// How often, and for how long, a guard tries to clean up: the kernel closes the files of a killed process one after another.
const (
	tryEvery = 10 * time.Millisecond
	tryFor   = 5 * time.Second
)

// RunGuard is a guard's main function.
func RunGuard() error {
	ignoreSignals()
	in := json.NewDecoder(os.Stdin)
	var o order
	if in.Decode(&o) != nil {
		return nil // the call has ended before it has made anything
	}
	_, _ = io.Copy(io.Discard, os.Stdin)
	dir := &state.Dir{Config: o.Config}
	var records []*state.Record
	for began := time.Now(); len(records) == 0; time.Sleep(tryEvery) {
		var err error
		records, err = dir.Abandoned(state.Forward, func(e state.Entry) bool { return e.Name == o.Name })
		if err != nil || time.Since(began) > tryFor || !isThere(dir, o.Name) {
			return err
		}
	}
	for _, record := range records {
		for began := time.Now(); ; time.Sleep(tryEvery) {
			if removeSockets(record) || time.Since(began) > tryFor {
				break
			}
		}
		record.Remove()
	}
	return nil
}

// isThere reports whether there still is a record.
func isThere(dir *state.Dir, name string) bool {
	entries, err := dir.List(state.Forward)
	for _, e := range entries {
		if e.Name == name {
			return true
		}
	}
	return err != nil && !errors.Is(err, fs.ErrNotExist)
}

// removeSockets removes the UNIX sockets that a killed call has left, and reports whether nobody listens on one any more.
func removeSockets(record *state.Record) (done bool) {
	done = true
	for _, path := range record.Sockets {
		if err := listen.RemoveStale(path); listen.IsInUse(err) { // or another program has it now
			done = false
		}
	}
	return done
}
