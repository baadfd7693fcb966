//go:build linux

package observe

import (
	"os"
	"os/exec"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/nsjoin/docker-nsjoin/pkg/ns"
	"github.com/nsjoin/docker-nsjoin/pkg/plan"
	"github.com/nsjoin/docker-nsjoin/pkg/procfs"
)

func TestParseIDMap(t *testing.T) {
	for _, row := range []struct {
		name, text string
		want       []plan.IDRange
		message    string
	}{
		{"the identity", "         0          0 4294967295\n", []plan.IDRange{{Inside: 0, Outside: 0, Count: 4294967295}}, ""},
		{
			"two ranges", "0 100000 1000\n1000 5000 1\n",
			[]plan.IDRange{{Inside: 0, Outside: 100000, Count: 1000}, {Inside: 1000, Outside: 5000, Count: 1}},
			"",
		},
		{"a map that is not written yet", "", nil, ""},
		{"two numbers", "0 0\n", nil, `"0 0" is not three numbers`},
		{"four numbers", "0 0 1 2\n", nil, `"0 0 1 2" is not three numbers`},
		{"no numbers", "a b c\n", nil, `strconv.ParseUint: parsing "a": invalid syntax`},
		{"too large a number", "0 4294967296 1\n", nil, `strconv.ParseUint: parsing "4294967296": value out of range`},
	} {
		got, err := parseIDMap(row.text)
		if !reflect.DeepEqual(got, row.want) || text(err) != row.message {
			t.Errorf("%s: %v, %v; want %v, %s", row.name, got, err, row.want, row.message)
		}
	}
}

func TestIDInsideAUserNamespace(t *testing.T) {
	ranges := []plan.IDRange{
		{Inside: 0, Outside: 100000, Count: 1000},
		{Inside: 1000, Outside: 5000, Count: 1},
		{Inside: 7000, Outside: 4294967290, Count: 6}, // ends after the last 32-bit number
	}
	for outside, want := range map[uint32]int64{
		100000: 0, 100999: 999, 101000: -1, 99999: -1, 5000: 1000, 5001: -1, 0: -1,
		4294967290: 7000, 4294967295: 7005, 4294967289: -1,
	} {
		got, ok := inside(ranges, outside)
		if ok != (want >= 0) || ok && int64(got) != want {
			t.Errorf("%d is %d, %t inside; want %d", outside, got, ok, want)
		}
	}
}

func TestIDsAreMappedToTheUserNamespace(t *testing.T) {
	const mapping = "0 100000 65536\n"
	for _, row := range []struct {
		name, status string
		want         plan.Spec
		message      string
	}{
		{
			"the effective ones", "Uid:\t0\t100033\t1\t2\nGid:\t0\t100034\t1\t2\nGroups:\t100005 100006 \n",
			plan.Spec{UID: 33, GID: 34, Groups: []uint32{5, 6}},
			"",
		},
		{
			"a group that is not mapped", "Uid:\t100000\t100000\nGid:\t100000\t100000\nGroups:\t27 100005\n",
			plan.Spec{Groups: []uint32{5}},
			"",
		},
		{
			"a uid that is not mapped", "Uid:\t0\t0\t0\t0\nGid:\t100000\t100000\n",
			plan.Spec{},
			"Uid 0 is not mapped in its user namespace",
		},
		{
			"a gid that is not mapped", "Uid:\t100000\t100000\nGid:\t165536\t165536\n",
			plan.Spec{},
			"Gid 165536 is not mapped in its user namespace",
		},
		{"no uid", "Gid:\t100000\t100000\n", plan.Spec{}, "status line Uid has 0 numbers"},
		{"an incomplete line of uids", "Uid:\t100000\n", plan.Spec{}, "status line Uid has 1 numbers"},
	} {
		p := procDir(t, map[string]string{"uid_map": mapping, "gid_map": mapping})
		var got plan.Spec
		p.IDs = map[ns.Kind]ns.ID{ns.User: {Ino: 1}}
		o := &Observation{self: procDir(t, nil)}
		err := o.readIDs(&got, p, procfs.Status(row.status))
		if text(err) != row.message {
			t.Errorf("%s: %v, want %s", row.name, err, row.message)
		}
		if err == nil && !reflect.DeepEqual(got, row.want) {
			t.Errorf("%s: %+v, want %+v", row.name, got, row.want)
		}
	}
}

// In the helper's own user namespace ids stay as they are: the map there is to the parent namespace.
func TestIDsInTheSameUserNamespace(t *testing.T) {
	p := procDir(t, map[string]string{"uid_map": "0 1001 1\n", "gid_map": "0 1001 1\n"})
	p.IDs = map[ns.Kind]ns.ID{ns.User: {Ino: 7}}
	o := &Observation{self: procDir(t, nil)}
	o.self.IDs = p.IDs
	var got plan.Spec
	err := o.readIDs(&got, p, procfs.Status("Uid:\t0\t5\t0\t0\nGid:\t0\t6\t0\t0\nGroups:\t0 7\n"))
	if want := (plan.Spec{UID: 5, GID: 6, Groups: []uint32{0, 7}}); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, %v; want %+v", got, err, want)
	}
}

func TestSpecOfAProcess(t *testing.T) {
	cmd := exec.Command("cat")
	cmd.Env = []string{"A=1", "B= two\nlines", "C="}
	cmd.Dir = t.TempDir()
	start(t, cmd)
	p := openTestProcess(t, cmd.Process.Pid)
	st, err := p.readStatus()
	if err != nil {
		t.Fatal(err)
	}
	got := &plan.TargetProcess{}
	o := &Observation{self: openTestProcess(t, os.Getpid())}
	if err := o.readProcessSpec(got, p, st); err != nil {
		t.Fatal(err)
	}
	// os/exec may add PWD.
	want := append(slices.Clone(cmd.Env), "PWD="+cmd.Dir)
	if env := strings.Join(got.Spec.Env, "|"); env != strings.Join(cmd.Env, "|") && env != strings.Join(want, "|") {
		t.Errorf("environment %q, want %q", got.Spec.Env, want)
	}
	if got.Spec.Dir != cmd.Dir {
		t.Errorf("directory %q, want %q", got.Spec.Dir, cmd.Dir)
	}
	if got.Spec.UID != uint32(os.Geteuid()) || got.Spec.GID != uint32(os.Getegid()) {
		t.Errorf("uid %d, gid %d, want %d, %d", got.Spec.UID, got.Spec.GID, os.Geteuid(), os.Getegid())
	}
}
