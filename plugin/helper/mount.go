//go:build linux

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
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
)

// mounter mounts into a container, unmounts, and lists what was mounted.
type mounter struct {
	request *request.Request
	to      *messages
	seen    *observe.Observation
	process *observe.Process // of the container
	run     mounts.Record    // what all records of this run of the container have
	records *mountrecord.Dir
	answer  mounts.Answer
}

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
	return err
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
	m.run = mounts.Record{Container: fmt.Sprintf("pid-%d", m.process.PID), PID: m.process.PID, Namespace: [2]uint64{id.Dev, id.Ino}}
	if r.Base.Container != nil {
		m.run.Container = r.Base.Container.ID
	}
	if m.run.Start, err = m.process.Start(); err != nil {
		return err
	}
	root, err := m.seen.HostRoot()
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
	m.answer.Gone = append(m.answer.Gone, m.records.RemoveEnded(root, runs)...)
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
	have, err := m.process.Mounts()
	if err != nil {
		return err
	}
	for _, r := range list {
		sameRun := r.PID == m.run.PID && r.Start == m.run.Start && r.Namespace == m.run.Namespace
		if sameRun && slices.ContainsFunc(have, func(in procfs.Mount) bool { return is(r, in) }) {
			m.answer.Mounts = append(m.answer.Mounts, r)
			continue
		}
		if sameRun {
			m.removeMade(r)
		}
		m.records.Remove(&r)
		m.answer.Gone = append(m.answer.Gone, r)
	}
	return nil
}

// is reports whether a mount of the container is the recorded one. Numbers of mounts are used again.
func is(r mounts.Record, in procfs.Mount) bool {
	if r.ID != in.ID {
		return false
	}
	if r.Device == "" { // the call was killed before it was verified
		return string(r.Target) == in.Path
	}
	return r.Device == in.Device && r.Root == in.Root
}

// runs reports whether the first process of a record's container still runs.
func runs(r *mounts.Record) bool {
	st, err := procfs.ReadStat(r.PID)
	return err == nil && st.Start == r.Start && !st.Dead()
}

// attach mounts.
func (m *mounter) attach() error {
	r := m.request
	if err := m.seen.ObserveMount(r); err != nil {
		return err
	}
	p, err := plan.NewMount(r, &m.seen.Facts)
	if err != nil {
		return err
	}
	if done, err := m.print(p); done || err != nil {
		return err
	}
	return m.recorded(p, m.attachBy)
}

// recorded carries a plan out, with audit records.
func (m *mounter) recorded(p *plan.Plan, carryOut func(*plan.Plan) error) error {
	record, err := beginRecord(p, m.request, m.seen, m.to)
	if err != nil {
		return err
	}
	err = carryOut(p)
	endRecord(record, p, outcome{done: err == nil}, 0, err, m.to)
	return err
}

// attachBy carries out a plan to mount.
func (m *mounter) attachBy(p *plan.Plan) (err error) {
	record := m.newRecord(p)
	held := m.held()
	if len(p.Mounting.Make) > 0 {
		var made []join.Made
		held.Mount.Target, made, err = join.MakeTarget(p, m.seen.MountTarget)
		for _, one := range made {
			record.Made = append(record.Made, mounts.Made{Path: request.Word(one.Path), Inode: one.Inode, Dir: one.Dir})
		}
		if err != nil {
			m.removeMade(record)
			return err
		}
	}
	recorded := false
	held.Mount.Record = func(id join.MountID) error {
		record.ID, record.Unique, recorded = id.ID, id.Unique, true
		return m.records.Write(&record)
	}
	held.Mount.Verify = func(join.MountID) error { return m.verify(p, &record) }
	if err := join.Mount(p, held); err != nil {
		if recorded {
			m.undo(record)
			m.records.Remove(&record)
		}
		m.removeMade(record)
		return err
	}
	m.answer.Done = &record
	m.answer.Mounts = append(m.answer.Mounts, record)
	return nil
}

// newRecord begins the record of a mount.
func (m *mounter) newRecord(p *plan.Plan) mounts.Record {
	q, record := p.Mounting, m.run
	record.Type, record.From, record.Source, record.Volume = q.Type, q.From, request.Word(q.Source), q.Volume
	record.Holder, record.Target = m.request.Mount.Holder, request.Word(q.Target)
	record.Options = append([]string{}, q.Flags...)
	for _, o := range q.Options {
		record.Options = append(record.Options, o[0]+"="+o[1])
	}
	if q.Slave {
		record.Options = append(record.Options, "rslave")
	}
	record.Time, record.UID, record.By = time.Now().Unix(), os.Getuid(), m.request.Mount.By
	return record
}

// held returns the open files for the plan.
func (m *mounter) held() join.Held {
	held := join.Held{
		Sources: make(map[int]join.Source),
		Mount: &join.HeldMount{
			Source: m.seen.MountSource, Target: m.seen.MountTarget, Users: m.process.Namespaces[ns.User],
		},
	}
	for pid, source := range m.seen.Processes {
		held.Sources[pid] = join.Source{Pidfd: source.SetnsPidfd(), Namespaces: source.Namespaces}
	}
	return held
}

// verify checks where the mount is, before it stays, and completes its record. The container may have mounted
// something over the target in the meantime, which mounts on it could propagate from.
func (m *mounter) verify(p *plan.Plan, record *mounts.Record) error {
	fail := func(why string) error {
		return exit.Hint(fmt.Errorf("mount in %q: %s", p.Target, why), "the container has changed its mounts in the meantime: run the command again")
	}
	in, err := m.process.Mount(record.ID)
	if err != nil {
		return fail(err.Error())
	}
	on, err := m.process.Mount(p.Mounting.Parent)
	switch {
	case err != nil:
		return fail(err.Error())
	case in.Parent != p.Mounting.Parent:
		return fail(fmt.Sprintf("it is on mount %d, not on %d", in.Parent, p.Mounting.Parent))
	case on.Shared || in.Shared:
		return fail("it is on a shared mount, and would appear elsewhere")
	}
	for _, flag := range p.Mounting.Flags {
		if !in.Has(flag) {
			return fail("it does not have the flag " + flag)
		}
	}
	record.Device, record.Root, record.Target = in.Device, in.Root, request.Word(in.Path)
	return m.records.Write(record)
}

// undo detaches a mount that was not verified, if the child that had to do it was killed.
func (m *mounter) undo(record mounts.Record) {
	in, err := m.process.Mount(record.ID)
	if err != nil {
		return
	}
	r := *m.request
	r.Mount = &request.Mount{Action: request.MountDetach, Lazy: true}
	if m.seen.ObserveUnmount(&r, in, record.Unique) != nil {
		return
	}
	if p, err := plan.NewMount(&r, &m.seen.Facts); err == nil {
		_ = join.Mount(p, m.held())
	}
}

// detach unmounts.
func (m *mounter) detach() error {
	r := m.request
	record, in, err := m.find(string(r.Mount.Target))
	if err != nil {
		return err
	}
	if err := m.seen.ObserveUnmount(r, in, record.Unique); err != nil {
		return err
	}
	p, err := plan.NewMount(r, &m.seen.Facts)
	if err != nil {
		return err
	}
	if done, err := m.print(p); done || err != nil {
		return err
	}
	return m.recorded(p, func(p *plan.Plan) error { return m.detachBy(p, record) })
}

// detachBy carries out a plan to unmount.
func (m *mounter) detachBy(p *plan.Plan, record mounts.Record) error {
	if err := join.Mount(p, m.held()); err != nil {
		return err
	}
	if after, err := m.process.Mount(record.ID); err == nil && is(record, after) {
		return fmt.Errorf("umount %s in %q: it is still there", after.Path, p.Target)
	}
	m.removeMade(record)
	m.records.Remove(&record)
	m.answer.Done = &record
	m.answer.Mounts = slices.DeleteFunc(m.answer.Mounts, func(other mounts.Record) bool { return other.ID == record.ID })
	return nil
}

// find finds the newest mount of ours at a path.
func (m *mounter) find(target string) (mounts.Record, procfs.Mount, error) {
	have, err := m.process.Mounts()
	if err != nil {
		return mounts.Record{}, procfs.Mount{}, err
	}
	for _, r := range slices.Backward(m.answer.Mounts) {
		for _, in := range have {
			if is(r, in) && (in.Path == target || string(r.Target) == target) {
				return r, in, nil
			}
		}
	}
	err = fmt.Errorf("umount %s in %s: docker nsjoin has not mounted anything there", target, m.request.Base.Quoted())
	if slices.ContainsFunc(have, func(in procfs.Mount) bool { return in.Path == target }) {
		err = fmt.Errorf("umount %s in %s: that mount is the container's own", target, m.request.Base.Quoted())
	}
	return mounts.Record{}, procfs.Mount{}, exit.Hint(err, "docker nsjoin mount %s lists what can be unmounted", m.request.Base.String())
}

// removeMade removes what was made as a mount point, if it is empty.
func (m *mounter) removeMade(r mounts.Record) {
	if len(r.Made) == 0 {
		return
	}
	var made []join.Made
	for _, one := range r.Made {
		made = append(made, join.Made{Path: string(one.Path), Inode: one.Inode, Dir: one.Dir})
	}
	if uid, gid, err := m.process.RootIDs(); err == nil {
		join.RemoveMade(m.seen.MountRoot, [2]uint32{uid, gid}, made)
	}
}

// print prints the plan into the answer, if that was asked for.
func (m *mounter) print(p *plan.Plan) (done bool, err error) {
	m.answer.Warnings = append(m.answer.Warnings, p.Warnings...)
	if m.request.DryRun == request.OutputNone {
		return false, nil
	}
	if m.answer.Plan, err = p.MountText(m.request.DryRun); err != nil {
		return true, err
	}
	if m.answer.Plan == "" {
		return true, errors.New("the plan is empty")
	}
	return true, nil
}
