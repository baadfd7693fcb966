package ns_test

import (
	"encoding/json"
	"math/bits"
	"reflect"
	"strings"
	"testing"

	"github.com/nsjoin/docker-nsjoin/pkg/ns"
)

func TestParseSet(t *testing.T) {
	for _, row := range []struct{ list, want string }{
		{"net", "net"},
		{"network", "net"},
		{"uts,net,ipc", "ipc,net,uts"},
		{"net,network,net", "net"},
		{"net, pid", "net,pid"},
		{" mount ,\tuserns ", "mnt,user"},
		{"uts,user,time,pid,net,mnt,ipc,cgroup", ns.All().String()},
	} {
		got, err := ns.ParseSet(row.list)
		if err != nil || got.String() != row.want {
			t.Errorf("ParseSet(%q) = %q, %v; want %q", row.list, got, err, row.want)
		}
	}
}

func TestParseSetRefuses(t *testing.T) {
	for _, row := range []struct{ list, named string }{
		{"", `""`},
		{",", `""`},
		{"net,", `""`},
		{",net", `""`},
		{"net,,pid", `""`},
		{"net;pid", `"net;pid"`},
		{"net pid", `"net pid"`},
		{"net,files,pid", `"files"`},
	} {
		got, err := ns.ParseSet(row.list)
		if err == nil {
			t.Errorf("ParseSet(%q) = %q", row.list, got)
			continue
		}
		if got != 0 {
			t.Errorf("ParseSet(%q) returns %q with the error", row.list, got)
		}
		for _, part := range []string{row.named, ns.All().String()} {
			if !strings.Contains(err.Error(), part) {
				t.Errorf("ParseSet(%q): %q does not name %s", row.list, err, part)
			}
		}
	}
}

// Methods of all 256 sets agree with their members.
func TestSetMembers(t *testing.T) {
	for s := range ns.All() {
		if again := ns.SetOf(s.Kinds()...); again != s {
			t.Fatalf("SetOf(Kinds()) of %q is %q", s, again)
		}
		if got, want := len(s.Kinds()), bits.OnesCount8(uint8(s)); got != want {
			t.Fatalf("%q lists %d kinds of %d", s, got, want)
		}
		var flags uint32
		for _, k := range ns.Kinds() {
			if s.Has(k) {
				flags |= k.Flag()
			}
			if s.Without(ns.SetOf(k)).Has(k) {
				t.Fatalf("%q without %s still has it", s, k)
			}
			if s.Without(ns.SetOf(k))|s&ns.SetOf(k) != s {
				t.Fatalf("%q without %s lost more than that", s, k)
			}
		}
		if s.Flags() != flags {
			t.Fatalf("the flags of %q are %#x, want %#x", s, s.Flags(), flags)
		}
	}
}

func TestSetAsJSON(t *testing.T) {
	for s := range ns.All() {
		text, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		if want := `"` + s.String() + `"`; string(text) != want {
			t.Fatalf("%q is written %s", s, text)
		}
		back := ns.All()
		if err := json.Unmarshal(text, &back); err != nil || back != s {
			t.Fatalf("%s is read as %q, %v", text, back, err)
		}
	}
}

func TestInvalidSetInJSON(t *testing.T) {
	for _, text := range []string{`"nets"`, `"net,"`, `","`, `3`, `["net"]`} {
		s := ns.SetOf(ns.UTS)
		if err := json.Unmarshal([]byte(text), &s); err == nil {
			t.Errorf("%s is read as %q", text, s)
		}
		if s != ns.SetOf(ns.UTS) {
			t.Errorf("%s changed the set to %q although it was refused", text, s)
		}
	}
}

func TestEmptySet(t *testing.T) {
	var none ns.Set
	if none.String() != "" || none.Flags() != 0 || none.Kinds() != nil {
		t.Errorf("the empty set is %q, %#x, %v", none, none.Flags(), none.Kinds())
	}
	if got := ns.All().Without(ns.All()); got != none {
		t.Errorf("all without all is %q", got)
	}
	if !reflect.DeepEqual(ns.All().Kinds(), ns.Kinds()) {
		t.Errorf("All has %v, not every kind", ns.All())
	}
}
