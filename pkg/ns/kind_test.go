package ns_test

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"github.com/nsjoin/docker-nsjoin/pkg/ns"
)

func TestParse(t *testing.T) {
	for name, want := range map[string]ns.Kind{
		"cgroup": ns.Cgroup, "cgroupns": ns.Cgroup,
		"ipc": ns.IPC,
		"mnt": ns.Mnt, "mount": ns.Mnt,
		"net": ns.Net, "network": ns.Net,
		"pid": ns.PID, "process": ns.PID,
		"time": ns.Time,
		"user": ns.User, "userns": ns.User,
		"uts": ns.UTS,
	} {
		got, err := ns.Parse(name)
		if err != nil || got != want {
			t.Errorf("Parse(%q) = %v, %v; want %v", name, got, err, want)
		}
	}
}

func TestUnknownKindIsRefusedWithTheList(t *testing.T) {
	for _, name := range []string{"", "nets", "Net", "NET", " net", "net ", "all", "none", "net,pid", "kind(3)", "pid_for_children"} {
		_, err := ns.Parse(name)
		if err == nil {
			t.Errorf("Parse(%q) is accepted", name)
			continue
		}
		const list = "one of cgroup,ipc,mnt,net,pid,time,user,uts"
		if !strings.Contains(err.Error(), list) {
			t.Errorf("Parse(%q): %q does not list the kinds", name, err)
		}
		if name != "" && !strings.Contains(err.Error(), name) {
			t.Errorf("Parse(%q): %q does not say what was given", name, err)
		}
	}
}

func TestKindsAreInAlphabeticalOrder(t *testing.T) {
	want := []ns.Kind{ns.Cgroup, ns.IPC, ns.Mnt, ns.Net, ns.PID, ns.Time, ns.User, ns.UTS}
	if got := ns.Kinds(); !reflect.DeepEqual(got, want) {
		t.Errorf("Kinds() = %v, want %v", got, want)
	}
}

func TestParseReadsString(t *testing.T) {
	for _, k := range ns.Kinds() {
		if got, err := ns.Parse(k.String()); err != nil || got != k {
			t.Errorf("Parse(%q) = %v, %v", k, got, err)
		}
	}
	if got := ns.Kind(200).String(); got != "kind(200)" {
		t.Errorf("an invalid kind prints as %q", got)
	}
}

func TestLink(t *testing.T) {
	id := ns.ID{Dev: 4, Ino: 4026531833}
	if got, want := id.Link(ns.Net), "net:[4026531833]"; got != want {
		t.Errorf("Link = %q, want %q", got, want)
	}
}

func TestKindAsJSON(t *testing.T) {
	for _, k := range ns.Kinds() {
		text, err := json.Marshal(map[ns.Kind]ns.Kind{k: k})
		if err != nil {
			t.Fatal(err)
		}
		if want := `{"` + k.String() + `":"` + k.String() + `"}`; string(text) != want {
			t.Errorf("%v is written %s, want %s", k, text, want)
		}
		var back map[ns.Kind]ns.Kind
		if err := json.Unmarshal(text, &back); err != nil || back[k] != k || len(back) != 1 {
			t.Errorf("%s is read as %v, %v", text, back, err)
		}
	}
}

func TestAlternativeNameInJSON(t *testing.T) {
	var k ns.Kind
	if err := json.Unmarshal([]byte(`"network"`), &k); err != nil || k != ns.Net {
		t.Errorf(`"network" is read as %v, %v`, k, err)
	}
}

func TestUnknownKindInJSONIsRefused(t *testing.T) {
	for _, text := range []string{`"nets"`, `3`, `""`} {
		k := ns.UTS
		if err := json.Unmarshal([]byte(text), &k); err == nil {
			t.Errorf("%s is read as %v", text, k)
		}
		if k != ns.UTS {
			t.Errorf("%s changed the kind to %v although it was refused", text, k)
		}
	}
}
