//go:build linux

package observe

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/nsjoin/docker-nsjoin/pkg/plan"
)

// The specification has what the bundle has, and no right that the bundle does not name.
func FuzzBundle(f *testing.F) {
	for _, seed := range []string{
		``, `{}`, `[]`, `{"process":{"cwd":"/"}}`, `{"process":{"cwd":"/","rlimits":[{"type":"RLIMIT_NOFILE","hard":9,"soft":8}]}}`,
		`{"process":{"env":["A=1","B"],"cwd":"","user":{"uid":4294967295,"gid":0,"umask":18,"additionalGids":[1,2]},"oomScoreAdj":-1000}}`,
		`{"process":{"cwd":"/","capabilities":{"bounding":["CAP_CHOWN","chown","CAP_NEW"],"ambient":["CAP_"]},"noNewPrivileges":true}}`,
		`{"process":{"cwd":"/","user":{"uid":-1}}}`, `{"process":{"cwd":"/","rlimits":[{"type":"RLIMIT_X"}]},"linux":{"seccomp":{"flags":["SECCOMP_FILTER_FLAG_LOG"]}}}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		b, err := parseBundle(text)
		var s plan.Spec
		if err == nil {
			s, err = b.spec()
		}
		if err != nil {
			if !strings.HasPrefix(err.Error(), "config.json: ") || !reflect.DeepEqual(s, plan.Spec{}) {
				t.Errorf("%q: %+v, and %q doesn't say where", text, s, err)
			}
			return
		}
		if s.Seccomp && !strings.Contains(strings.ToLower(string(text)), "seccomp") && !strings.Contains(string(text), `\u`) {
			t.Errorf("%q has a filter", text)
		}
		caps := b.Process.Capabilities
		expectNamed(t, s.Capabilities.Bounding, caps.Bounding)
		expectNamed(t, s.Capabilities.Permitted, caps.Permitted)
		expectNamed(t, s.Capabilities.Effective, caps.Effective)
		expectNamed(t, s.Capabilities.Inheritable, caps.Inheritable)
		expectNamed(t, s.Capabilities.Ambient, caps.Ambient)
		again, err := json.Marshal(b)
		if err != nil {
			t.Fatal(err)
		}
		read, err := parseBundle(again)
		if err != nil {
			t.Fatalf("%q is written as %q, and not read: %v", text, again, err)
		}
		if twice, err := json.Marshal(read); err != nil || !bytes.Equal(twice, again) {
			t.Errorf("%q is %q, and written and read again %q, %v", text, again, twice, err)
		}
	})
}

func expectNamed(t *testing.T, set plan.CapSet, names []string) {
	t.Helper()
	for _, name := range set.Names() {
		if !slices.ContainsFunc(names, func(n string) bool { return strings.TrimPrefix(strings.ToLower(n), "cap_") == name }) {
			t.Errorf("%q gives %s", names, name)
		}
	}
}

// The files are the container's. Whatever they contain, a user is found or the error names the user, and a line
// that is added first affects only the user with its name.
func FuzzUser(f *testing.F) {
	const passwd, group = "root:x:0:0:root:/root:/bin/sh\napp:x:1000:1000::/app:/bin/sh\n", "root:x:0:\nwheel:x:10:app,root\n"
	for _, name := range []string{"app", "1000", "1000:10", "app:wheel", ":", "app:", ":10", "nobody", "-1", "4294967296", "0x10", "root:none"} {
		f.Add([]byte(passwd), []byte(group), name, uint32(1000))
	}
	f.Add([]byte("app:x:-1:0::/:\napp\n:::::::\n+::::::\n"), []byte("::\n:x:\nwheel:x:99999999999:app\n"), "app", uint32(0))
	f.Add([]byte("app:x:0:0::/a:b:c:d\n#x:x:0:0\n"), []byte(""), "app", uint32(0))
	dir := f.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "etc"), 0o755); err != nil {
		f.Fatal(err)
	}
	root, err := os.Open(dir)
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { root.Close() })
	f.Fuzz(func(t *testing.T, passwd, group []byte, name string, uid uint32) {
		if err := os.WriteFile(filepath.Join(dir, "etc/group"), group, 0o600); err != nil {
			t.Fatal(err)
		}
		var spec plan.Spec
		if err := lookUpUser(&spec, root, passwd, name, nil); err != nil {
			if !reflect.DeepEqual(spec, plan.Spec{}) {
				t.Errorf("%q: %+v, and %v", name, spec, err)
			}
		} else if !slices.Contains(spec.Groups, spec.GID) {
			t.Errorf("%q: groups %d do not include the user's own, %d", name, spec.Groups, spec.GID)
		}
		if _, err := account(root, passwd, uid); err != nil && !strings.HasPrefix(err.Error(), "its /etc/passwd: ") {
			t.Errorf("account of %d: %v", uid, err)
		}

		// Add a first line. The file may already have the name.
		who := fmt.Sprintf("nsjoin:x:%d:7::/home/n:/bin/n\n", uid%(1<<31))
		line := slices.Concat([]byte(who), passwd)
		var first plan.Spec
		if err := lookUpUser(&first, root, line, "nsjoin", nil); err != nil || first.UID != uid%(1<<31) || first.GID != 7 {
			t.Errorf("nsjoin, first in passwd, is %d:%d, %v; want %d:7", first.UID, first.GID, err, uid%(1<<31))
		}
		want := plan.Account{Home: "/home/n", Shell: "/bin/n"}
		if got, err := account(root, line, uid%(1<<31)); err != nil || got != want {
			t.Errorf("account of the first line is %+v, %v; want %+v", got, err, want)
		}
	})
}
