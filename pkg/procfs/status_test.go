//go:build linux

package procfs

import (
	"fmt"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"
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
		got, err := Status(someStatus).Number(row.field, row.base)
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
		got, err := Status(someStatus).IDs(row.field)
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
		// A kernel that does not show the number must not look like one without filters.
		{"Seccomp:\t2\n", 0, "status has no line Seccomp_filters"},
		{"", 0, "status has no line Seccomp"},
	} {
		got, err := Status(row.status).Filters()
		if got != row.want || text(err) != row.message {
			t.Errorf("%q: %d filters, %v; want %d, %s", row.status, got, err, row.want, row.message)
		}
	}
}

// The process's name is on the first line and cannot fake another field: the kernel escapes newlines and
// backslashes in it.
func FuzzStatus(f *testing.F) {
	f.Add("sh", uint64(12), uint64(0x1ff), uint32(7))
	f.Add("a\nPPid:\t1", uint64(0), uint64(math.MaxUint64), uint32(math.MaxUint32))
	f.Add("PPid:\t1", uint64(1), uint64(0), uint32(0))
	f.Fuzz(func(t *testing.T, name string, ppid, caps uint64, group uint32) {
		name = strings.NewReplacer("\n", `\n`, `\`, `\\`).Replace(name)
		s := Status(fmt.Sprintf("Name:\t%s\nPPid:\t%d\nGroups:\t0 %d \nCapBnd:\t%016x\n", name, ppid, group, caps))
		if got, err := s.Number("PPid", 10); err != nil || got != ppid {
			t.Errorf("PPid is %d, %v; want %d", got, err, ppid)
		}
		if got, err := s.Number("CapBnd", 16); err != nil || got != caps {
			t.Errorf("CapBnd is %x, %v; want %x", got, err, caps)
		}
		if got, err := s.IDs("Groups"); err != nil || !slices.Equal(got, []uint32{0, group}) {
			t.Errorf("Groups is %d, %v; want 0 and %d", got, err, group)
		}
		if _, err := s.Number("CapEff", 16); err == nil || err.Error() != "status has no line CapEff" {
			t.Errorf("a missing line: %v", err)
		}
	})
}

func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
