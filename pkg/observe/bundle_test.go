//go:build linux

package observe

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/pkg/ns"
	"github.com/nsjoin/docker-nsjoin/pkg/plan"
)

func TestBundle(t *testing.T) {
	file, err := os.ReadFile("testdata/config.json")
	if err != nil {
		t.Fatal(err)
	}
	b, err := parseBundle(file)
	if err != nil {
		t.Fatal(err)
	}
	got, err := b.spec()
	if err != nil {
		t.Fatal(err)
	}
	umask, score := uint32(0o27), -500
	const chown, netRaw = plan.CapSet(1 << 0), plan.CapSet(1 << 13)
	want := plan.Spec{
		Env: []string{"PATH=/usr/bin:/bin", "A=<&>"}, Terminal: true, Dir: "/work",
		UID: 33, GID: 34, Groups: []uint32{34, 5}, Umask: &umask,
		Capabilities: plan.Capabilities{
			Bounding: chown | netRaw | plan.CapSysAdmin, Permitted: chown | netRaw, Effective: chown, Ambient: netRaw,
		},
		NoNewPrivileges: true,
		Limits: []plan.Limit{
			{Resource: 7, Soft: 1024, Hard: 4096},
			{Resource: 8, Soft: plan.Unlimited, Hard: plan.Unlimited},
		},
		OOMScoreAdj: &score, AppArmor: "docker-default", SELinux: "system_u:system_r:container_t:s0", Seccomp: true,
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("read %+v\nwant %+v", got, want)
	}
	if got, want := b.Linux.Seccomp.LoadFlags(), uint32(unix.SECCOMP_FILTER_FLAG_LOG|unix.SECCOMP_FILTER_FLAG_SPEC_ALLOW); got != want {
		t.Errorf("its filter's flags are %#x, want %#x", got, want)
	}
}

// A missing field is different from 0.
func TestBundleWithMissingFields(t *testing.T) {
	b, err := parseBundle([]byte(`{"process":{"cwd":"/"}}`))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := b.spec(); err != nil || !reflect.DeepEqual(got, plan.Spec{Dir: "/"}) {
		t.Errorf("read %+v, %v", got, err)
	}
	if b.Linux.Seccomp != nil {
		t.Error("it has a profile")
	}
}

func TestBundleIsRefused(t *testing.T) {
	for _, row := range []struct{ name, text, message string }{
		{"nothing", ``, "config.json: unexpected end of JSON input"},
		{"garbage", `nsjoin`, "config.json: invalid character 's' in literal null (expecting 'u')"},
		{"truncated", `{"process":{"cwd":"/"`, "config.json: unexpected end of JSON input"},
		{"two documents", `{"process":{"cwd":"/"}}{}`, "config.json: invalid character '{' after top-level value"},
		{"no process", `{}`, "config.json: no process is specified"},
		{"null", `null`, "config.json: no process is specified"},
		{"an empty process", `{"process":{}}`, "config.json: no process is specified"},
		{"a list for the process", `{"process":[]}`, "config.json: json: cannot unmarshal array"},
		{"a negative uid", `{"process":{"cwd":"/","user":{"uid":-1}}}`, "config.json: json: cannot unmarshal number -1"},
	} {
		if b, err := parseBundle([]byte(row.text)); err == nil || !strings.HasPrefix(err.Error(), row.message) {
			t.Errorf("%s: %+v, %v; want %s", row.name, b, err, row.message)
		}
	}
}

// An unknown resource limit must be an error, an unknown capability must be ignored.
func TestUnknownNames(t *testing.T) {
	b, err := parseBundle([]byte(`{"process":{"cwd":"/","rlimits":[{"type":"RLIMIT_SHOES","soft":1,"hard":1}]}}`))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := b.spec(); text(err) != `config.json: unknown resource limit "RLIMIT_SHOES"` || !reflect.DeepEqual(got, plan.Spec{}) {
		t.Errorf("an unknown limit: %+v, %v", got, err)
	}
	b, err = parseBundle([]byte(`{"process":{"cwd":"/","capabilities":{"bounding":["CAP_FLY","CAP_CHOWN"],"effective":["CAP_FLY"]}}}`))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := b.spec(); err != nil || got.Capabilities != (plan.Capabilities{Bounding: 1}) {
		t.Errorf("an unknown capability: %+v, %v", got.Capabilities, err)
	}
}

func TestFilterFlags(t *testing.T) {
	for flags, want := range map[string]uint32{
		``:                                 0,
		`"SECCOMP_FILTER_FLAG_LOG"`:        unix.SECCOMP_FILTER_FLAG_LOG,
		`"SECCOMP_FILTER_FLAG_SPEC_ALLOW"`: unix.SECCOMP_FILTER_FLAG_SPEC_ALLOW,
		// Flags of the load itself, and flags of later runtimes.
		`"SECCOMP_FILTER_FLAG_TSYNC","SECCOMP_FILTER_FLAG_NEW"`: 0,
		`"SECCOMP_FILTER_FLAG_TSYNC","SECCOMP_FILTER_FLAG_LOG"`: unix.SECCOMP_FILTER_FLAG_LOG,
	} {
		b, err := parseBundle([]byte(`{"process":{"cwd":"/"},"linux":{"seccomp":{"flags":[` + flags + `]}}}`))
		if err != nil {
			t.Fatal(err)
		}
		if got := b.Linux.Seccomp.LoadFlags(); got != want {
			t.Errorf("[%s] is %#x, want %#x", flags, got, want)
		}
	}
}

// What the first process of a container has changed since its start is not taken for what the engine configured: its
// user namespace, and capabilities that it has dropped but others may have.
func TestConfiguredUserNamespace(t *testing.T) {
	p, err := OpenProcess(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.release)
	if err := p.OpenNamespaces(); err != nil {
		t.Fatal(err)
	}
	started := p.IDs[ns.User]
	const (
		newPID  = `{"type": "pid"}`
		dbPID   = `{"type": "pid", "path": "/proc/1/ns/pid"}`
		newUser = `{"type": "user"}`
	)
	for _, row := range []struct {
		name, namespaces, caps string
		own                    bool // p has made a user namespace
		user                   ns.ID
		admin                  bool
	}{
		{"a default container", newPID, "", false, started, false},
		{"one that has made a user namespace", newPID, "", true, started, true},
		{"one with SYS_ADMIN", newPID, `"CAP_SYS_ADMIN"`, false, started, true},
		{"one with a user namespace", newUser + "," + newPID, "", false, started, false},
		{"one with another's pid namespace", dbPID, "", true, started, true},
		{"one with another's pid namespace and a user namespace", newUser + "," + dbPID, "", false, ns.ID{}, true},
		{"one with the shim's pid namespace", `{"type": "mount"}`, "", true, started, true},
	} {
		shim := shimOf(t, `{"process": {"cwd": "/", "capabilities": {"bounding": [`+row.caps+`]}}, "linux": {"namespaces": [`+row.namespaces+`]}}`)
		b, err := shim.readBundle()
		if err != nil {
			t.Fatal(err)
		}
		if p.IDs[ns.User] = started; row.own {
			p.IDs[ns.User] = ns.ID{Ino: 7}
		}
		if user, err := p.configuredUser(shim, b); err != nil || user != row.user {
			t.Errorf("%s: user namespace %v, %v; want %v", row.name, user, err, row.user)
		}
		if admin, err := p.othersMayBeAdmin(shim); err != nil || admin != row.admin {
			t.Errorf("%s: others may have SYS_ADMIN: %t, %v; want %t", row.name, admin, err, row.admin)
		}
	}
}

// shimOf returns a process that has a bundle, and the user namespace of the test.
func shimOf(t *testing.T, config string) *Process {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "config.json"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(dir, "ns"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("/proc/self/ns/user", filepath.Join(dir, "ns", "user")); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return &Process{dir: f, bundleFile: "config.json"}
}
