//go:build linux

package main

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/pkg/exit"
	"github.com/nsjoin/docker-nsjoin/pkg/join"
	"github.com/nsjoin/docker-nsjoin/pkg/mountrecord"
	"github.com/nsjoin/docker-nsjoin/pkg/mounts"
	"github.com/nsjoin/docker-nsjoin/pkg/ns"
	"github.com/nsjoin/docker-nsjoin/pkg/observe"
	"github.com/nsjoin/docker-nsjoin/pkg/plan"
	"github.com/nsjoin/docker-nsjoin/pkg/procfs"
	"github.com/nsjoin/docker-nsjoin/pkg/request"
	"github.com/nsjoin/docker-nsjoin/pkg/survey"
)

// mounter mounts into a container, unmounts, and lists what was mounted.
type mounter struct {
	request *request.Request
	to      *messages
	seen    *observe.Observation
	process *observe.Process          // of the container
	run     mounts.Record             // what all records of this run of the container have
	owner   func() ([2]uint32, error) // of what is made, read while the container runs
	records *mountrecord.Dir
	have    []procfs.Mount // what the container had mounted when the call began
	answer  mounts.Answer
}

// processPrefix begins the name of records of a process that is in no container: there is no other run of it.
const processPrefix = "pid-"

// mount does what the request's Mount asks for, and prints an answer.
func mount(r *request.Request, to *messages) error {
	unix.Umask(0o022) //nolint:mnd // as docker run makes mount points
	m := &mounter{request: r, to: to}
	err := m.do()
	if err == nil {
		err = json.NewEncoder(to.stdout).Encode(&m.answer)
	} else if m.seen != nil {
		err = m.seen.Explain(r, err)
	}
	return join.ExplainMount(err)
}

func (m *mounter) do() (err error) {
	r := m.request
	if m.seen, err = observe.ForMount(r); err != nil {
		return err
	}
	if m.process, err = m.seen.Container(r); err != nil {
		return err
	}
	id := m.process.IDs[ns.Mnt]
	m.run = mounts.Record{Container: processPrefix + strconv.Itoa(m.process.PID), PID: m.process.PID, Namespace: [2]uint64{id.Dev, id.Ino}}
	if r.Base.Container != nil {
		m.run.Container = r.Base.Container.ID
	}
	if m.run.Start, err = m.process.Start(); err != nil {
		return err
	}
	owner, errOwner := m.seen.RootIDs(r)
	m.owner = func() ([2]uint32, error) { return owner, errOwner }
	root, err := m.seen.OpenRoot(0) // the host's
	if err != nil {
		return err
	}
	defer root.Close()
	if m.records, err = mountrecord.Open(root, m.run.Container); err != nil {
		return err
	}
	defer m.records.Close(root, m.run.Container)
	if err := m.sweep(); err != nil {
		return err
	}
	m.records.RemoveEnded(root, needed)
	switch r.Mount.Action {
	case request.MountAttach:
		return m.attach()
	case request.MountDetach:
		return m.detach()
	case request.MountList:
		return nil
	}
	return fmt.Errorf("unknown action %q", r.Mount.Action)
}

// sweep lists the mounts that the container has, and removes the records of those that it does not have any more.
func (m *mounter) sweep() error {
	list, err := m.records.List()
	if err != nil {
		return err
	}
	if m.have, err = m.process.Mounts(); err != nil {
		return err
	}
	var gone []*mounts.Record
	for _, r := range list {
		sameRun := r.PID == m.run.PID && r.Start == m.run.Start
		r.Hidden = sameRun && r.ID != 0 && r.Namespace != m.run.Namespace // others in the container may still use it
		if in := among(m.have, r); r.Hidden || sameRun && in != nil && m.isStill(r, in) {
			m.answer.Mounts = append(m.answer.Mounts, r)
			continue
		}
		if !sameRun {
			laterRun(r)
		}
		gone = append(gone, r)
	}
	for _, r := range gone {
		m.removeMade(r)
		m.records.Remove(r) // last: a helper that is killed before leaves it to the next one
	}
	return nil
}

// laterRun changes a record to what holds in a later run of the container, whose file system was mounted again. What is
// not known by its inode may be the container's own.
func laterRun(r *mounts.Record) {
	var known []mounts.Made
	for _, one := range r.Made {
		if one.Device = 0; one.Inode != 0 {
			known = append(known, one)
		}
	}
	r.Made = known
}

// addMounts adds the mounts that docker nsjoin has made in a container. The records are on the host: where the helper is
// or, if it is in a container of its own, where the container's shim is.
func addMounts(c *survey.Container, shims bool) {
	name := "/"
	if shims {
		name = fmt.Sprintf("/proc/%d/root", c.Shim)
	}
	root, err := unix.Open(name, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return
	}
	at := os.NewFile(uintptr(root), "/")
	defer at.Close()
	list := mountrecord.Peek(at, c.ID)
	if len(list) == 0 {
		return
	}
	first, err := procfs.Open(c.First)
	if err != nil {
		return
	}
	defer first.Close()
	st, err := procfs.ReadStatAt(int(first.Fd()))
	if err != nil {
		return
	}
	thread, err := observe.OpenThread(first, c.First)
	if err != nil {
		return
	}
	defer thread.Close()
	have, err := procfs.ReadMounts(thread, observe.MaxMounts)
	if err != nil {
		return
	}
	for _, r := range list {
		if r.PID != c.First || r.Start != st.Start || r.Root == "" {
			continue
		}
		// What the first process does not see decides only if it sees all mounts.
		r.Hidden = among(have, r) == nil
		if !r.Hidden || r.Top != 0 && !procfs.HasMount(have, r.Top) {
			c.Mounts = append(c.Mounts, survey.Mount{
				Target: string(r.Target), Source: r.What(), Options: r.Mode(), By: r.By, Time: r.Time,
			})
		}
	}
}

// among finds the recorded mount; nil if it is not there.
func among(have []procfs.Mount, r *mounts.Record) *procfs.Mount {
	for i := range have {
		if is(r, &have[i]) {
			return &have[i]
		}
	}
	return nil
}

// is reports whether a mount of the container is perhaps the recorded one: numbers of mounts are used again, see isStill.
func is(r *mounts.Record, in *procfs.Mount) bool {
	// A call that was killed before the mount was verified has not recorded the device of a new file system.
	return r.ID == in.ID && (r.Device == in.Device || r.Device == "" && in.Type == "tmpfs")
}

// isStill reports whether a mount that has the recorded one's number and device is that one. Its root may have another path
// by now: an editor that replaces a file by rename(2) makes that of the old file end with //deleted.
func (m *mounter) isStill(r *mounts.Record, in *procfs.Mount) bool {
	switch {
	case r.Root == "" || r.Root == in.Root:
		return true
	case r.Unique == 0:
		return string(r.Target) == in.Path
	}
	return !m.seen.IsAnother(in, r.Unique)
}

// needed reports whether the first process of a record's container still runs, or the container may be started again with
// what was made for a mount.
func needed(r *mounts.Record) bool {
	const day = 24 * 60 * 60
	if len(r.Made) > 0 && !strings.HasPrefix(r.Container, processPrefix) && time.Now().Unix()-r.Time < day {
		return true
	}
	st, err := procfs.ReadStat(r.PID)
	return err == nil && st.Start == r.Start && !st.Dead()
}

// detach unmounts.
func (m *mounter) detach() error {
	r := m.request
	record, in, err := m.find(string(r.Mount.Target))
	if err != nil {
		return err
	}
	cameAlong := func(id int) bool { return record.TooMany || slices.Contains(record.Beneath, id) }
	if err := m.seen.ObserveUnmount(r, m.have, in, record.Unique, cameAlong); err != nil {
		return err
	}
	return m.execute(func(p *plan.Plan) error { return m.detachBy(p, record) })
}

// detachBy carries out a plan to unmount.
func (m *mounter) detachBy(p *plan.Plan, record *mounts.Record) error {
	if err := join.Mount(p, m.held()); err != nil {
		return err
	}
	if after, err := m.process.Mount(record.ID); err == nil && is(record, &after) {
		return fmt.Errorf("umount %s in %q: it is still there", after.Path, p.Target)
	}
	m.removeMade(record)
	m.records.Remove(record)
	m.answer.Done = record
	return nil
}

// find finds the newest mount of ours at a path.
func (m *mounter) find(target string) (*mounts.Record, *procfs.Mount, error) {
	have := m.have
	// Of several, the one on top. It may be a path with links, too.
	leads := m.seen.MountAt(have, target)
	for pass := range 3 {
		for _, r := range slices.Backward(m.answer.Mounts) {
			in := among(have, r)
			if in == nil || r.Hidden {
				continue
			}
			exact, onTop := in.Path == target || string(r.Target) == target, in.ID == leads
			if exact && onTop || exact && pass == 1 || onTop && pass == 2 {
				return r, in, nil
			}
		}
	}
	return nil, nil, m.notOurs(target)
}

// notOurs says why nothing is unmounted at a path.
func (m *mounter) notOurs(target string) error {
	why := "docker nsjoin has not mounted anything there"
	for i := range m.have {
		if m.have[i].Path == target {
			why = "that mount is the container's own"
		}
	}
	for _, r := range m.answer.Mounts {
		if r.Hidden && string(r.Target) == target {
			return exit.Hint(fmt.Errorf("umount %s in %s: its first process has left the mount namespace that it is in, by unshare(2) or setns(2)",
				target, m.request.Base.Quoted()), "it ends with the container's processes, at a restart, say")
		}
	}
	return exit.Hint(fmt.Errorf("umount %s in %s: %s", target, m.request.Base.Quoted(), why),
		"docker nsjoin mount %s lists what can be unmounted", m.request.Base.String())
}
