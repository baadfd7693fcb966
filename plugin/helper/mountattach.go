//go:build linux

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/nsjoin/docker-nsjoin/pkg/exit"
	"github.com/nsjoin/docker-nsjoin/pkg/join"
	"github.com/nsjoin/docker-nsjoin/pkg/mounts"
	"github.com/nsjoin/docker-nsjoin/pkg/observe"
	"github.com/nsjoin/docker-nsjoin/pkg/plan"
	"github.com/nsjoin/docker-nsjoin/pkg/procfs"
	"github.com/nsjoin/docker-nsjoin/pkg/request"
)

// attach mounts. What a call with --keep has mounted in this run of the container, and was not told of, is the answer.
func (m *mounter) attach() error {
	r := m.request
	for _, have := range m.answer.Mounts {
		if r.Mount.Keeper != "" && have.Keeper == r.Mount.Keeper {
			m.answer.Done = have
			return nil
		}
	}
	if err := m.seen.ObserveMount(r); err != nil {
		return err
	}
	return m.execute(m.attachBy)
}

// execute plans from what was observed, and prints the plan or carries it out, with audit records.
func (m *mounter) execute(carryOut func(*plan.Plan) error) error {
	p, err := plan.NewMount(m.request, &m.seen.Facts)
	if err != nil {
		return err
	}
	if done, err := m.print(p); done || err != nil {
		return err
	}
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
	if held.Mount.Target, err = m.makeTarget(p, record); err != nil {
		return err
	}
	if p.Mounting.Adopt != nil {
		err = observe.Answered(func() error { return join.Adopt(p, m.seen.MountSource) })
	}
	if err == nil && p.Mounting.Map != nil {
		held.Mount.Users, err = join.MapOf(p)
	}
	held.Mount.Record = func(id join.MountID) error {
		record.ID, record.Unique = id.ID, id.Unique
		err := m.records.Write(record)
		m.records.Remove(&mounts.Record{}) // of the mount point
		return err
	}
	held.Mount.Verify = func(join.MountID) error { return m.verify(p, record) }
	if err == nil {
		err = join.Mount(p, held)
	}
	if err != nil {
		return errors.Join(err, m.undo(record))
	}
	m.answer.Done = record
	m.answer.Mounts = append(m.answer.Mounts, record)
	return nil
}

// makeTarget makes the mount point, if it is missing, and returns it. What is made is recorded before.
func (m *mounter) makeTarget(p *plan.Plan, record *mounts.Record) (*os.File, error) {
	if len(p.Mounting.Make) == 0 {
		return m.seen.MountTarget, nil
	}
	last := len(p.Mounting.Make) - 1
	for i, name := range p.Mounting.Make {
		record.Made = append(record.Made, mounts.Made{Path: request.Word(name), Dir: p.Mounting.Dir || i < last})
	}
	if err := m.records.Write(record); err != nil {
		return nil, err
	}
	var target *os.File
	var made []join.Made
	err := observe.Answered(func() (err error) {
		target, made, err = join.MakeTarget(p, m.seen.MountTarget)
		return err
	})
	if errors.Is(err, observe.ErrSilent) {
		return nil, fmt.Errorf("make %s in %q: %w", p.Mounting.Target, p.Target, err) // what it makes later is recorded
	}
	record.Made = record.Made[:len(made)] // nothing else is ours
	for i, one := range made {
		record.Made[i].Device, record.Made[i].Inode = one.Device, one.Inode
	}
	if err != nil {
		m.removeMade(record)
		m.records.Remove(record)
	}
	return target, err
}

// newRecord begins the record of a mount.
func (m *mounter) newRecord(p *plan.Plan) *mounts.Record {
	run := m.run
	q, record := p.Mounting, &run
	record.Type, record.From, record.Source, record.Volume = q.Type, q.From, request.Word(q.Source), q.Volume
	record.Device, record.Target = q.Device, request.Word(q.Target)
	if at := procfs.RootMount(m.have); at >= 0 {
		record.Top = m.have[at].ID
	}
	record.Options = append([]string{}, q.Flags...)
	for _, o := range q.Options {
		record.Options = append(record.Options, request.MountOption(o))
	}
	if q.Slave {
		record.Options = append(record.Options, "rslave")
	}
	record.Time, record.By, record.Keeper = time.Now().Unix(), m.request.Mount.By, m.request.Mount.Keeper
	return record
}

// held returns the open files for the plan.
func (m *mounter) held() join.Held {
	held := join.Held{
		Sources: make(map[int]join.Source),
		Mount: &join.HeldMount{
			Source: m.seen.MountSource, Target: m.seen.MountTarget,
		},
	}
	for pid, source := range m.seen.Processes {
		held.Sources[pid] = join.Source{Pidfd: source.SetnsPidfd(), Namespaces: source.Namespaces}
	}
	return held
}

// maxBeneath limits the mounts that are recorded with the one that they came along with.
const maxBeneath = 4096

// verify checks where the mount is, before it stays, and completes its record. The container may have mounted
// something over the target in the meantime, which mounts on it could propagate from.
func (m *mounter) verify(p *plan.Plan, record *mounts.Record) error {
	fail := func(why string) error {
		return exit.Hint(fmt.Errorf("mount in %q: %s", p.Target, why), "the container has changed its mounts in the meantime: run the command again")
	}
	list, err := m.process.Mounts()
	if err != nil {
		return fail(err.Error())
	}
	var in, on procfs.Mount
	for _, one := range list {
		switch one.ID {
		case record.ID:
			in = one
		case p.Mounting.Parent:
			on = one
		}
	}
	switch {
	case in.ID == 0 || on.ID == 0:
		return fail("it cannot be reached from the root directory")
	case in.Parent != p.Mounting.Parent:
		return fail(fmt.Sprintf("it is on mount %d, not on %d", in.Parent, p.Mounting.Parent))
	case on.Shared || in.Shared:
		return fail("it is on a shared mount, and would appear elsewhere")
	}
	for _, flag := range p.Mounting.Flags {
		has := in.Has(flag)
		if flag == plan.StrictAtime { // mountinfo does not show it
			has = !in.Has("relatime") && !in.Has("noatime")
		}
		if !has {
			return fail("it does not have the flag " + flag)
		}
	}
	for _, beneath := range observe.Beneath(list, record.ID) {
		if p.Mounting.From != "" && plan.OfKernel(beneath.Type) {
			return fail("beneath it there are files of the kernel's")
		}
		record.Beneath = append(record.Beneath, beneath.ID)
	}
	if record.TooMany = len(record.Beneath) > maxBeneath; record.TooMany {
		record.Beneath = nil
	}
	record.Device, record.Root, record.Target = in.Device, in.Root, request.Word(in.Path)
	return m.records.Write(record)
}

// undo removes what is left of a mount that has failed. The child has detached it, unless somebody killed the child. A
// mount that cannot be detached stays recorded.
func (m *mounter) undo(record *mounts.Record) error {
	in, err := m.process.Mount(record.ID)
	if record.ID != 0 && err == nil && is(record, &in) {
		r := *m.request
		r.Mount = &request.Mount{Action: request.MountDetach, Lazy: true}
		err = m.seen.ObserveUnmount(&r, nil, &in, record.Unique, nil)
		var p *plan.Plan
		if err == nil {
			p, err = plan.NewMount(&r, &m.seen.Facts)
		}
		if err == nil {
			err = join.Mount(p, m.held())
		}
		if err != nil {
			return fmt.Errorf("it is still mounted: %w", err)
		}
	}
	m.removeMade(record)
	m.records.Remove(record)
	return nil
}

// removeMade removes what was made as a mount point, if it is empty. Directories that another mount of ours is in or on are
// left to that one.
func (m *mounter) removeMade(r *mounts.Record) {
	if len(r.Made) == 0 {
		return
	}
	after := r.Time - 1 // the clock of file systems may be a tick behind
	var made []join.Made
	for _, one := range r.Made {
		made = append(made, join.Made{
			Path: string(one.Path), Device: one.Device, Inode: one.Inode, Dir: one.Dir, After: after,
		})
	}
	if owner, err := m.owner(); err == nil {
		var left []join.Made
		err := observe.Answered(func() error {
			left = join.RemoveMade(m.seen.MountRoot, owner, made)
			return nil
		})
		if err != nil {
			m.answer.Warnings = append(m.answer.Warnings, fmt.Sprintf("%s was made for the mount, and cannot be removed: %v", made[0].Path, err))
			return
		}
		for _, one := range slices.Backward(left) {
			m.handOver(r, one)
		}
	}
}

// handOver adds a directory to the record of another mount in it or on it.
func (m *mounter) handOver(from *mounts.Record, left join.Made) {
	for _, r := range m.answer.Mounts {
		at := string(r.Target)
		if r == from || at != left.Path && !strings.HasPrefix(at, left.Path+"/") {
			continue
		}
		one := mounts.Made{Path: request.Word(left.Path), Device: left.Device, Inode: left.Inode, Dir: left.Dir}
		r.Made = append([]mounts.Made{one}, r.Made...)
		_ = m.records.Write(r) // else the directory stays
		return
	}
}

// print puts the plan into the answer, if that was asked for.
func (m *mounter) print(p *plan.Plan) (done bool, err error) {
	m.answer.Warnings = append(m.answer.Warnings, p.Warnings...)
	if m.request.DryRun == request.OutputNone {
		return false, nil
	}
	shown := &mounts.Plan{Target: p.Target, Via: p.Via, Warnings: p.Warnings}
	if shown.Mount, err = json.Marshal(p.Mounting); err != nil {
		return true, err
	}
	if shown.Steps, err = json.Marshal(p.Steps); err != nil {
		return true, err
	}
	for i := range p.Steps {
		shown.Described = append(shown.Described, p.Describe(i))
	}
	m.answer.Plan = shown
	return true, nil
}
