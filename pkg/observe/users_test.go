//go:build linux

package observe

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/moby/sys/user"

	"github.com/nsjoin/docker-nsjoin/pkg/plan"
)

// reader returns a reader of text, or nil if the file does not exist, as the library expects it.
func reader(text []byte) io.Reader {
	if text == nil {
		return nil
	}
	return bytes.NewReader(text)
}

// compareWithLibrary finds users and groups with both implementations.
func compareWithLibrary(t *testing.T, spec string, add []string, passwd, group []byte) {
	t.Helper()
	want, wantErr := user.GetExecUser(spec, nil, reader(passwd), reader(group))
	got, err := findUser(spec, passwd, group)
	if text(err) != text(wantErr) {
		t.Errorf("%q: %v, the library says %v", spec, err, wantErr)
	} else if err == nil && (got.uid != want.Uid || got.gid != want.Gid || !slices.Equal(got.groups, want.Sgids)) {
		t.Errorf("%q: %+v, the library says %+v", spec, got, want)
	}
	wantGroups, wantErr := user.GetAdditionalGroups(add, reader(group))
	groups, err := findGroups(add, group)
	slices.Sort(wantGroups) // the library's order is random
	slices.Sort(groups)
	if text(err) != text(wantErr) || !slices.Equal(groups, wantGroups) {
		t.Errorf("%q: %v, %v; the library says %v, %v", add, groups, err, wantGroups, wantErr)
	}
	for _, uid := range []uint32{0, 1000} {
		lines, wantErr := user.ParsePasswdFilter(bytes.NewReader(passwd), func(u user.User) bool { return u.Uid == int(uid) })
		home, shell, found, err := findHome(uid, passwd)
		if text(err) != text(wantErr) {
			t.Errorf("home of %d: %v, the library says %v", uid, err, wantErr)
		} else if err == nil && (found != (len(lines) > 0) || found && (home != lines[0].Home || shell != lines[0].Shell)) {
			t.Errorf("home of %d: %q, %q; the library says %+v", uid, home, shell, lines)
		}
	}
}

// oddPasswd and oddGroup have lines that parsers may read differently.
const oddPasswd = "  spaced : x:7:7::/:\n\n#root:x:9:9\n:x:0:5::/nobody:\nroot\nweb:x:1000\n1000:x:5:6::/n:/bin/sh:more\n+:x:+3:-3\nbig:x:99999999999999999999:1\n\xff:x:8:8:\r\n"

const oddGroup = "# no\n  spaced:x:7:root\n:x:1:,\nroot:x:0:root,,web\n29:x:30:web\nbig:x:99999999999999999999:web\nneg:x:-1:web\nshort\nlist:x:5:a,b,web:web\nlast:x:6:web"

func TestUsersAreThoseOfTheLibrary(t *testing.T) {
	long := func(n int) []byte {
		return []byte("web:x:1000:5:" + strings.Repeat("x", n) + "\nroot:x:0:0::/root:/bin/sh\n")
	}
	for _, passwd := range [][]byte{nil, {}, []byte(somePasswd), []byte(oddPasswd), long(65_500), long(65_530), long(66_000)} {
		for _, group := range [][]byte{nil, {}, []byte(someGroup), []byte(oddGroup), long(66_000), long(1<<20 - 20), long(1 << 20)} {
			for _, spec := range []string{
				"", "root", "web", "1000", "4242", "web:audio", "web:29", "web:77", ":", ":29", ":web", "web:", "a:b:c", "none", "+3",
				"-1", "99999999999999999999", "web:99999999999999999999", "spaced", "spaced ", "\xff", "big", "#root", "2147483648",
			} {
				compareWithLibrary(t, spec, []string{"video", "29", "web", spec}, passwd, group)
			}
		}
	}
}

func FuzzUsers(f *testing.F) {
	f.Add("web", "audio", []byte(somePasswd), []byte(someGroup))
	f.Add("root:web", "29", []byte(oddPasswd), []byte(oddGroup))
	f.Fuzz(func(t *testing.T, spec, add string, passwd, group []byte) {
		compareWithLibrary(t, spec, []string{add, "0"}, passwd, group)
	})
}

// A group file of 4 MB with the user in each line used to take 55 s of processor time: each group was compared
// with all others. The kernel does not allow that many groups.
func TestHostileGroupFile(t *testing.T) {
	var group strings.Builder
	n := 0
	for ; group.Len() < maxUserFile-40; n++ {
		fmt.Fprintf(&group, "g:x:%d:web\n", 100_000+n)
	}
	p := procDir(t, map[string]string{"root/etc/passwd": somePasswd, "root/etc/group": group.String()})
	var got plan.TargetProcess
	if err := p.readUser(&got, "web", nil); err != nil || len(got.Spec.Groups) != n+1 {
		t.Fatalf("%d groups, %v; want %d", len(got.Spec.Groups), err, n+1)
	}
}
