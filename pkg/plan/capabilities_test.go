package plan_test

import (
	"encoding/json"
	"slices"
	"testing"

	"github.com/nsjoin/docker-nsjoin/pkg/plan"
)

// The numbers are those of linux/capability.h.
func TestCapabilityNumbers(t *testing.T) {
	for name, number := range map[string]int{
		"CAP_CHOWN": 0, "CAP_KILL": 5, "CAP_SETPCAP": 8, "CAP_NET_ADMIN": 12, "CAP_SYS_ADMIN": 21,
		"CAP_SETFCAP": 31, "CAP_AUDIT_READ": 37, "CAP_BPF": 39, "CAP_CHECKPOINT_RESTORE": 40,
	} {
		if got, want := plan.ParseCap(name), plan.CapSet(1)<<number; got != want {
			t.Errorf("%s is %#x, want %#x", name, got, want)
		}
	}
	if plan.CapSysAdmin != plan.ParseCap("CAP_SYS_ADMIN") {
		t.Errorf("CapSysAdmin is %v", plan.CapSysAdmin.Names())
	}
}

func TestParseCapReadsNames(t *testing.T) {
	for number := range 41 {
		want := plan.CapSet(1) << number
		names := want.Names()
		if len(names) != 1 {
			t.Fatalf("capability %d has the names %q", number, names)
		}
		for _, name := range []string{names[0], "cap_" + names[0], "CAP_" + names[0]} {
			if got := plan.ParseCap(name); got != want {
				t.Errorf("%s is %#x, want %#x", name, got, want)
			}
		}
	}
}

func TestUnknownCapabilityIsIgnored(t *testing.T) {
	for _, name := range []string{"", "CAP_", "ALL", "CAP_ALL", "CAP_SYS", "SYS_ADMIN,CHOWN", "CAP_CAP_CHOWN", " chown", "41", "0"} {
		if got := plan.ParseCap(name); got != 0 {
			t.Errorf("%q is parsed as %v", name, got.Names())
		}
	}
}

func TestCapSetNames(t *testing.T) {
	for _, row := range []struct {
		set  plan.CapSet
		want []string
	}{
		{0, []string{}},
		{capSet("kill", "chown"), []string{"chown", "kill"}},
		{1<<40 | 1<<41 | 1<<63, []string{"checkpoint_restore", "41", "63"}},
	} {
		if got := row.set.Names(); !slices.Equal(got, row.want) || got == nil {
			t.Errorf("%#x: %q, want %q", row.set, got, row.want)
		}
	}
	if got, want := len((^plan.CapSet(0)).Names()), 64; got != want {
		t.Errorf("the full set has %d names, want %d", got, want)
	}
}

func TestCapabilitiesAsJSON(t *testing.T) {
	text, err := json.Marshal(plan.Capabilities{Bounding: capSet("chown", "kill"), Ambient: capSet("bpf")})
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"bounding":"chown,kill","permitted":"","effective":"","inheritable":"","ambient":"bpf"}`
	if string(text) != want {
		t.Errorf("written %s\nwant    %s", text, want)
	}
}

func TestCapSetText(t *testing.T) {
	for _, set := range []plan.CapSet{0, 1, 1 << 40, 1 << 63, plan.CapSysAdmin | 1<<12 | 1<<55} {
		var got plan.CapSet
		text, err := set.MarshalText()
		if err == nil {
			err = got.UnmarshalText(text)
		}
		if got != set || err != nil {
			t.Errorf("%s is read as %s, %v", set, got, err)
		}
	}
}
