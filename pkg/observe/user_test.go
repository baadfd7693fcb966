//go:build linux

package observe

import (
	"slices"
	"strings"
	"testing"

	"github.com/nsjoin/docker-nsjoin/pkg/plan"
)

const (
	somePasswd = "root:x:0:0:root:/root:/bin/sh\n" +
		"web:x:1000:1001::/home/web:/bin/sh\n" +
		"web:x:2000:2001::/home/second:/bin/sh\n" +
		"4242:x:7:8::/home/digits:/bin/sh\n" +
		"zero:x:4294967296:1001::/:/bin/sh\n" +
		"minus:x:-4294967296:1001::/:/bin/sh\n" +
		"none:x:1000:4294967295::/:/bin/sh\n" +
		"over:x:1003:1001::/:/bin/sh\n"
	someGroup = "root:x:0:root\n" +
		"audio:x:29:other,web\n" +
		"web:x:1001:\n" +
		"video:x:44:web\n" +
		"video:x:45:\n" +
		"1000:x:1:1000\n" +
		"wheel:x:4294967296:over\n"
)

// A name means the same as to the engine, which uses the library.
func TestUserByName(t *testing.T) {
	for _, row := range []struct {
		name, user string
		add        []string
		uid, gid   uint32
		groups     []uint32 // the first is gid
		home       string
	}{
		{"a name: the first line, and the groups that list it", "web", nil, 1000, 1001, []uint32{1001, 29, 44}, "/home/web"},
		{"a number with a line", "1000", nil, 1000, 1001, []uint32{1001, 29, 44}, "/home/web"},
		{"a number without a line", "3000", nil, 3000, 0, []uint32{0}, "/"},
		{"a name that is a number is a number", "4242", nil, 4242, 0, []uint32{0}, "/"},
		{"root", "root", nil, 0, 0, []uint32{0, 0}, "/root"},
		{"a name and a group: no groups that list it", "web:audio", nil, 1000, 29, []uint32{29}, "/home/web"},
		{"a name and the number of a group", "web:29", nil, 1000, 29, []uint32{29}, "/home/web"},
		{"a name and a number without a group", "web:77", nil, 1000, 77, []uint32{77}, "/home/web"},
		{"the first of two groups", "web:video", nil, 1000, 44, []uint32{44}, "/home/web"},
		{"two numbers", "3000:3001", nil, 3000, 3001, []uint32{3001}, "/"},
		{"a group alone is root's", ":audio", nil, 0, 29, []uint32{29}, "/root"},
		{"the largest number", "2147483647:2147483647", nil, 2147483647, 2147483647, []uint32{2147483647}, "/"},
		{"--group-add", "web:audio", []string{"video", "77"}, 1000, 29, []uint32{29, 44, 77}, "/home/web"},
		{"--group-add besides the groups that list it", "web", []string{"77"}, 1000, 1001, []uint32{1001, 29, 44, 77}, "/home/web"},
	} {
		t.Run(row.name, func(t *testing.T) {
			p := procDir(t, map[string]string{"root/etc/passwd": somePasswd, "root/etc/group": someGroup})
			got := plan.TargetProcess{Spec: plan.Spec{UID: 5, GID: 6, Groups: []uint32{7}, Dir: "/srv"}}
			if err := p.readUser(&got, row.user, row.add); err != nil {
				t.Fatal(err)
			}
			if got.Spec.UID != row.uid || got.Spec.GID != row.gid || got.Account.Home != row.home || got.AccountErr != nil {
				t.Errorf("uid %d, gid %d, home %q, %v", got.Spec.UID, got.Spec.GID, got.Account.Home, got.AccountErr)
			}
			if groups := sorted(got.Spec.Groups); !slices.Equal(groups, row.groups) {
				t.Errorf("groups %v, want %v", groups, row.groups)
			}
			if got.Spec.Dir != "/srv" {
				t.Errorf("the directory changed to %q", got.Spec.Dir)
			}
		})
	}
}

// sorted sorts all groups but the first: those of --group-add have no order.
func sorted(groups []uint32) []uint32 {
	list := slices.Clone(groups)
	if len(list) > 0 {
		slices.Sort(list[1:])
	}
	return list
}

func TestInvalidUser(t *testing.T) {
	for _, row := range []struct {
		user    string
		add     []string
		message string
	}{
		{"nobody", nil, "unable to find user nobody"},
		{"we", nil, "unable to find user we"},
		{"web:nobody", nil, "unable to find group nobody"},
		{"-1", nil, "uids and gids must be in range"},
		{"2147483648", nil, "uids and gids must be in range"},
		{"web:-1", nil, "uids and gids must be in range"},
		{"web", []string{"nobody"}, "nable to find group nobody"},
		{"web", []string{"2147483648"}, "uids and gids must be in range"},
		{"zero", nil, "4294967296 in its /etc/passwd or /etc/group is not a valid uid or gid"},
		{"minus", nil, "-4294967296 in its /etc/passwd or /etc/group is not a valid uid or gid"},
		{"none", nil, "4294967295 in its /etc/passwd or /etc/group is not a valid uid or gid"},
		{"over", nil, "4294967296 in its /etc/passwd or /etc/group is not a valid uid or gid"},
	} {
		p := procDir(t, map[string]string{"root/etc/passwd": somePasswd, "root/etc/group": someGroup})
		got := plan.TargetProcess{Spec: plan.Spec{UID: 5, GID: 6}}
		err := p.readUser(&got, row.user, row.add)
		if !strings.HasPrefix(text(err), `user "`+row.user+`": `) || !strings.Contains(text(err), row.message) {
			t.Errorf("%s, %q: %v, want %s", row.user, row.add, err, row.message)
		}
		if got.Spec.UID != 5 || got.Spec.GID != 6 {
			t.Errorf("%s, %q: despite the error it is %d:%d", row.user, row.add, got.Spec.UID, got.Spec.GID)
		}
	}
}

// An image can lack both files. Numbers still work.
func TestUserWithoutFiles(t *testing.T) {
	for name, files := range map[string]map[string]string{
		"neither": {"root/bin/sh": ""},
		"empty":   {"root/etc/passwd": "", "root/etc/group": ""},
	} {
		var got plan.TargetProcess
		err := procDir(t, files).readUser(&got, "1000:1001", []string{"29"})
		if err != nil || got.Spec.UID != 1000 || got.Spec.GID != 1001 || !slices.Equal(got.Spec.Groups, []uint32{1001, 29}) {
			t.Errorf("%s: %+v, %v", name, got.Spec, err)
		}
		if err := procDir(t, files).readUser(&got, "web", nil); !strings.Contains(text(err), "unable to find user web") {
			t.Errorf("%s: a name: %v", name, err)
		}
	}
}

// The specification's user is not looked up again.
func TestUserOfTheSpecificationIsKept(t *testing.T) {
	p := procDir(t, map[string]string{"root/etc/passwd": somePasswd, "root/etc/group": someGroup})
	got := plan.TargetProcess{Spec: plan.Spec{UID: 1000, GID: 6, Groups: []uint32{7}}}
	if err := p.readUser(&got, "", []string{"video"}); err != nil {
		t.Fatal(err)
	}
	if got.Spec.GID != 6 || !slices.Equal(got.Spec.Groups, []uint32{7}) || got.Account.Home != "/home/web" {
		t.Errorf("it is %+v, %+v", got.Spec, got.Account)
	}
}

func TestUserWithoutARoot(t *testing.T) {
	if err := procDir(t, nil).readUser(&plan.TargetProcess{}, "", nil); err == nil {
		t.Error("a missing root is not an error")
	}
}
