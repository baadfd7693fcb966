//go:build linux

package observe

import (
	"strings"
	"testing"

	"github.com/nsjoin/docker-nsjoin/pkg/plan"
	"github.com/nsjoin/docker-nsjoin/pkg/procfs"
)

const someStatus = "Name:\ta: b\nUmask:\t0027\nPPid:\t 41\nUid:\t1000\t1001\t1002\t1003\n" +
	"Groups:\t4 24 27 \nNStgid:\t7\t1\nCapInh:\t0000000000000001\nCapPrm:\t000001ffffffffff\n" +
	"CapEff:\t00000000a80425fb\nCapBnd:\tffffffffffffffff\nCapAmb:\t0000000000000000\nEmpty:\n"

func TestCapabilitiesOfStatus(t *testing.T) {
	got, err := capabilities(procfs.Status(someStatus))
	want := plan.Capabilities{
		Bounding: 1<<64 - 1, Permitted: 0x1ffffffffff, Effective: 0xa80425fb, Inheritable: 1,
	}
	if err != nil || got != want {
		t.Errorf("capabilities %+v, %v; want %+v", got, err, want)
	}
	// A missing line must not be taken for an empty set.
	for _, field := range []string{"CapBnd", "CapPrm", "CapEff", "CapInh", "CapAmb"} {
		got, err := capabilities(procfs.Status(strings.Replace(someStatus, field+":", "Other:", 1)))
		if text(err) != "status has no line "+field || got != (plan.Capabilities{}) {
			t.Errorf("without %s: %+v, %v", field, got, err)
		}
	}
}

func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
