package plan_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/nsjoin/docker-nsjoin/pkg/ns"
	"github.com/nsjoin/docker-nsjoin/pkg/plan"
	"github.com/nsjoin/docker-nsjoin/pkg/request"
)

// Permanent attributes of the caller are a warning if they restrict the command more than docker exec,
// and an error if they add rights or if the command would lack capabilities.
func TestPermanentAttributes(t *testing.T) {
	const caps = 1<<41 - 1
	for _, row := range []struct {
		name   string
		change func(*request.Request, *plan.Observed)
		want   string // in the warning or the error
		fails  bool
	}{
		{"none", func(*request.Request, *plan.Observed) {}, "", false},
		{"no_new_privs", func(_ *request.Request, o *plan.Observed) { o.Permanent.NoNewPrivileges = true }, "the caller's no_new_privs", false},
		{"no_new_privs of the container too", func(_ *request.Request, o *plan.Observed) {
			o.Permanent.NoNewPrivileges, o.TargetProcess.Spec.NoNewPrivileges = true, true
		}, "", false},
		{"a filter", func(_ *request.Request, o *plan.Observed) { o.Permanent.Filters = 1 }, "the caller's seccomp filter", false},
		{"the same number of filters as the engine", func(_ *request.Request, o *plan.Observed) {
			o.Permanent.Filters, o.TargetProcess.Starter.Filters = 1, 1
		}, "", false},
		{"one filter more than the engine", func(_ *request.Request, o *plan.Observed) {
			o.Permanent.Filters, o.TargetProcess.Starter.Filters = 2, 1
		}, "the caller's seccomp filter", false},
		{"MDWE", func(_ *request.Request, o *plan.Observed) { o.Permanent.NoWriteExecute = true }, "MDWE", false},
		{"two attributes", func(_ *request.Request, o *plan.Observed) {
			o.Permanent.NoWriteExecute, o.Permanent.NoNewPrivileges = true, true
		}, "no_new_privs and ban on memory", false},
		{"speculation", func(_ *request.Request, o *plan.Observed) { o.Permanent.StoreBypassOff = true }, "speculative store bypass", false},
		{"speculation that the engine disables too", func(_ *request.Request, o *plan.Observed) {
			o.Permanent.StoreBypassOff, o.TargetProcess.Starter.StoreBypass = true, plan.SpeculationForceOff
		}, "", false},
		{"indirect branches", func(_ *request.Request, o *plan.Observed) { o.Permanent.IndirectBranchOff = true }, "indirect branch", false},
		{"a cookie", func(_ *request.Request, o *plan.Observed) { o.Permanent.CoreCookie = true }, "core scheduling cookie", false},
		{"securebits that remove rights", func(_ *request.Request, o *plan.Observed) { o.Permanent.Securebits = 3 }, "locked securebits (0x3)", false},
		{"securebits that add rights", func(_ *request.Request, o *plan.Observed) { o.Permanent.Securebits = 12 }, "the caller's locked securebits (0xc) cannot be removed", true},
		{"securebits and a user namespace, which resets them", func(_ *request.Request, o *plan.Observed) {
			o.Permanent.Securebits = 12
			o.Base = process(webPID, ns.All())
		}, "", false},
		{"a missing capability", func(_ *request.Request, o *plan.Observed) {
			o.TargetProcess.Starter.Bounding, o.Capabilities = caps, caps&^capSet("kill")
		}, "the caller lacks kill, which the container has", true},
		{"a missing capability and a user namespace, which grants all", func(_ *request.Request, o *plan.Observed) {
			o.TargetProcess.Starter.Bounding, o.Capabilities = caps, caps&^capSet("kill")
			o.Base = process(webPID, ns.All())
		}, "", false},
		{"a missing capability that the container lacks too", func(_ *request.Request, o *plan.Observed) {
			o.TargetProcess.Starter.Bounding, o.Capabilities = caps, caps&^capSet("sys_time")
		}, "", false},
		{"a missing capability that the engine lacks too", func(_ *request.Request, o *plan.Observed) {
			o.TargetProcess.Starter.Bounding, o.Capabilities = caps&^capSet("kill"), caps&^capSet("kill")
		}, "", false},
		{"through the engine, nothing comes from the caller", func(r *request.Request, o *plan.Observed) {
			r.Client = &request.Client{}
			o.Permanent = plan.PermanentAttributes{NoNewPrivileges: true, Securebits: 12, Filters: 1}
			o.TargetProcess.Starter.Bounding = caps
		}, "", false},
		{"a command in the host's file system keeps all", func(r *request.Request, o *plan.Observed) {
			r.Take = ns.SetOf(ns.Net)
			o.Permanent = plan.PermanentAttributes{NoNewPrivileges: true, Securebits: 12, Filters: 1}
			o.TargetProcess.Starter.Bounding = caps
		}, "", false},
	} {
		r, o := asked(), observed()
		row.change(r, o)
		p, err := plan.New(r, o)
		if row.fails {
			if err == nil || !strings.Contains(err.Error(), row.want) {
				t.Errorf("%s: %v, want %s", row.name, err, row.want)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", row.name, err)
			continue
		}
		warned := slices.ContainsFunc(p.Warnings, func(w string) bool { return strings.Contains(w, "the caller's") })
		if warned != (row.want != "") || !strings.Contains(strings.Join(p.Warnings, "\n"), row.want) {
			t.Errorf("%s: warnings %q, want %q", row.name, p.Warnings, row.want)
		}
	}
}

func TestUndo(t *testing.T) {
	for _, row := range []struct {
		change func(*plan.Observed)
		want   plan.Undo
	}{
		{func(*plan.Observed) {}, plan.Undo{Securebits: true}},
		{func(o *plan.Observed) { o.Permanent.Securebits = 3 }, plan.Undo{}},
		{func(o *plan.Observed) { o.Base = process(webPID, ns.All()) }, plan.Undo{}},
		{func(o *plan.Observed) { o.Own.CoreFilter, o.TargetProcess.Starter.CoreFilter = 1, 0x33 }, plan.Undo{Securebits: true, CoreFilter: true}},
		{func(o *plan.Observed) {
			o.Own.StoreBypass, o.TargetProcess.Starter.StoreBypass = plan.SpeculationOff, plan.SpeculationOn
		}, plan.Undo{Securebits: true, StoreBypass: true}},
		{func(o *plan.Observed) {
			o.Own.IndirectBranch, o.TargetProcess.Starter.IndirectBranch = plan.SpeculationOn, plan.SpeculationOff
		}, plan.Undo{Securebits: true, IndirectBranch: true}},
		{func(o *plan.Observed) {
			o.Own.StoreBypass, o.TargetProcess.Starter.StoreBypass = plan.SpeculationForceOff, plan.SpeculationOn
			o.Permanent.StoreBypassOff = true
		}, plan.Undo{Securebits: true}},
		{func(o *plan.Observed) { o.Own.StoreBypass = plan.SpeculationOff }, plan.Undo{Securebits: true}}, // the starter cannot control it
	} {
		o := observed()
		row.change(o)
		if got := made(t, asked(), o).Identity.Container.Undo; got != row.want {
			t.Errorf("%+v, want %+v", got, row.want)
		}
	}
}
