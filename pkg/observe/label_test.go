//go:build linux

package observe

import (
	"testing"

	"github.com/nsjoin/docker-nsjoin/pkg/plan"
)

// Without a label in the specification, the profiles of the helper and the shim are read.
func TestProfilesAreReadWithoutALabel(t *testing.T) {
	for _, row := range []struct {
		spec      plan.Spec
		own, shim string
	}{
		{plan.Spec{}, "mine", "snap.docker.dockerd"},
		{plan.Spec{AppArmor: "nsjoin-no-such-profile"}, "", ""},
		{plan.Spec{SELinux: "system_u:system_r:container_t:s0"}, "", ""},
	} {
		o := &Observation{self: procDir(t, map[string]string{"attr/apparmor/current": "mine (complain)\n"})}
		shim := procDir(t, map[string]string{"attr/current": "snap.docker.dockerd (enforce)\n"})
		s := &plan.TargetProcess{Spec: row.spec}
		if err := o.readProfile(s, shim); err != nil {
			t.Fatal(err)
		}
		if o.Facts.AppArmor != row.own || s.Starter.AppArmor != row.shim {
			t.Errorf("%+v: helper %q, shim %q; want %q, %q", row.spec, o.Facts.AppArmor, s.Starter.AppArmor, row.own, row.shim)
		}
	}
}
