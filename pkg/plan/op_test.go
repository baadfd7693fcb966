package plan_test

import (
	"testing"

	"github.com/nsjoin/docker-nsjoin/pkg/plan"
)

// Each operation has a row of the table: a name that is read back as the same operation, and a description.
func TestEveryOperationHasANameAndADescription(t *testing.T) {
	p := &plan.Plan{
		Command:  plan.Command{Args: []string{"true"}},
		Names:    &plan.Names{Of: "web"},
		Identity: plan.Identity{Dir: "/", Container: &plan.ContainerIdentity{AppArmor: "docker-default"}},
		View:     &plan.View{},
		Forward:  &plan.Forward{Path: "/run/socket"},
		Mounting: &plan.Mounting{},
	}
	for op := plan.Op(1); op < plan.EndOfOps; op++ {
		p.Steps = []plan.Step{{Op: op}}
		if got := p.Describe(0); got == "" {
			t.Errorf("%s has no description", op)
		}
		var back plan.Op
		name, err := op.MarshalText()
		if err == nil {
			err = back.UnmarshalText(name)
		}
		if err != nil || len(name) == 0 || back != op {
			t.Errorf("operation %d is written as %q and read as %d, %v", op, name, back, err)
		}
	}
}

func TestUnknownOperation(t *testing.T) {
	p := &plan.Plan{Steps: []plan.Step{{}, {Op: plan.EndOfOps}}}
	for i := range p.Steps {
		if got := p.Describe(i); got != p.Steps[i].Op.String() {
			t.Errorf("step %d is described as %q", i, got)
		}
	}
	var op plan.Op
	for _, name := range []string{"", "dance"} {
		if err := op.UnmarshalText([]byte(name)); err == nil {
			t.Errorf("%q is read as %s", name, op)
		}
	}
}
