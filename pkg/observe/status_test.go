//go:build linux

package observe

import (
	"reflect"
	"strings"
	"testing"

	"github.com/nsjoin/docker-nsjoin/pkg/plan"
)

const someStatus = "Name:\ta: b\nUmask:\t0027\nPPid:\t 41\nUid:\t1000\t1001\t1002\t1003\n" +
	"Groups:\t4 24 27 \nNStgid:\t7\t1\nCapInh:\t0000000000000001\nCapPrm:\t000001ffffffffff\n" +
	"CapEff:\t00000000a80425fb\nCapBnd:\tffffffffffffffff\nCapAmb:\t0000000000000000\nEmpty:\n"

func TestNumberOfStatus(t *testing.T) {
	for _, row := range []struct {
		field   string
		base    int
		want    uint64
		message string
	}{
		{"PPid", 10, 41, ""},
		{"Umask", 8, 0o27, ""},
		{"CapBnd", 16, 1<<64 - 1, ""},
		{"Seccomp", 10, 0, "status has no line Seccomp"},
		{"ppid", 10, 0, "status has no line ppid"},
		{"Empty", 10, 0, `status line Empty: strconv.ParseUint: parsing "": invalid syntax`},
		{"Name", 10, 0, `status line Name: strconv.ParseUint: parsing "a: b": invalid syntax`},
		{"NStgid", 10, 0, `status line NStgid: strconv.ParseUint: parsing "7\t1": invalid syntax`},
	} {
		got, err := status{someStatus}.number(row.field, row.base)
		if got != row.want || text(err) != row.message {
			t.Errorf("%s: %d, %v; want %d, %s", row.field, got, err, row.want, row.message)
		}
	}
}

func TestIDsOfStatus(t *testing.T) {
	for _, row := range []struct {
		field   string
		want    []uint32
		message string
	}{
		{"Uid", []uint32{1000, 1001, 1002, 1003}, ""},
		{"Groups", []uint32{4, 24, 27}, ""},
		{"Empty", nil, ""},
		{"Gid", nil, ""},
		{"Name", nil, `status line Name: strconv.ParseUint: parsing "a:": invalid syntax`},
		{"CapBnd", nil, `status line CapBnd: strconv.ParseUint: parsing "ffffffffffffffff": invalid syntax`},
	} {
		got, err := status{someStatus}.ids(row.field)
		if !reflect.DeepEqual(got, row.want) || text(err) != row.message {
			t.Errorf("%s: %v, %v; want %v, %s", row.field, got, err, row.want, row.message)
		}
	}
}

func TestFiltersOfStatus(t *testing.T) {
	for _, row := range []struct {
		status  string
		want    int
		message string
	}{
		{"Seccomp:\t0\nSeccomp_filters:\t0\n", 0, ""},
		{"Seccomp:\t0\n", 0, ""},
		{"Seccomp:\t2\nSeccomp_filters:\t3\n", 3, ""},
		// A kernel that doesn't tell the number must not pass for one without filters.
		{"Seccomp:\t2\n", 0, "status has no line Seccomp_filters"},
		{"", 0, "status has no line Seccomp"},
	} {
		got, err := status{row.status}.filters()
		if got != row.want || text(err) != row.message {
			t.Errorf("%q: %d filters, %v; want %d, %s", row.status, got, err, row.want, row.message)
		}
	}
}

func TestCapabilitiesOfStatus(t *testing.T) {
	got, err := status{someStatus}.capabilities()
	want := plan.Capabilities{
		Bounding: 1<<64 - 1, Permitted: 0x1ffffffffff, Effective: 0xa80425fb, Inheritable: 1,
	}
	if err != nil || got != want {
		t.Errorf("capabilities %+v, %v; want %+v", got, err, want)
	}
	// None of the five may be taken for empty because it is not there.
	for _, field := range []string{"CapBnd", "CapPrm", "CapEff", "CapInh", "CapAmb"} {
		got, err := status{strings.Replace(someStatus, field+":", "Other:", 1)}.capabilities()
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
