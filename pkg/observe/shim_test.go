//go:build linux

package observe

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// contained starts a child with its own mount namespace and fakes its cgroups: the tests may run in a
// container, so that their own cgroups would not do.
func contained(t *testing.T, cgroup string) *Process {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Fatal("needs root")
	}
	cmd := exec.Command("cat")
	cmd.SysProcAttr = &syscall.SysProcAttr{Unshareflags: unix.CLONE_NEWNS}
	start(t, cmd)
	p := openTestProcess(t, cmd.Process.Pid)
	return withCgroup(t, p, cgroup)
}

// withCgroup makes a copy of p that has the given cgroups.
func withCgroup(t *testing.T, p *Process, cgroup string) *Process {
	t.Helper()
	fake := procDir(t, map[string]string{"cgroup": cgroup})
	for _, name := range []string{"status", "ns", "cwd"} {
		if err := os.Symlink(p.path(name), filepath.Join(fake.dir.Name(), name)); err != nil {
			t.Fatal(err)
		}
	}
	fake.PID, fake.Pidfd = p.PID, p.Pidfd
	return fake
}

// The parent of the child is the test, whose working directory is the bundle.
func TestShimIsTheParentInTheBundleOfTheID(t *testing.T) {
	id := strings.Repeat("1f", 32)
	bundle := filepath.Join(t.TempDir(), id)
	write(t, filepath.Join(bundle, "config.json"), `{"process":{"cwd":"/work"}}`)
	p := contained(t, "0::/docker/"+id+"\n")
	t.Chdir(bundle)
	shim, err := p.shim(id, "")
	if err != nil {
		t.Fatal(err)
	}
	defer shim.Pidfd.Close()
	if shim.PID != os.Getpid() {
		t.Errorf("the shim is process %d, want %d", shim.PID, os.Getpid())
	}
	b, err := shim.readBundle()
	if err != nil || b.Process.Cwd != "/work" {
		t.Errorf("its bundle is %+v, %v", b, err)
	}
}

// Podman's conmon has the bundle in its command line. Its working directory is its caller's.
func TestBundleOfConmon(t *testing.T) {
	id := strings.Repeat("1f", 32)
	for _, row := range []struct {
		args   string
		bundle string // or none
	}{
		{"/usr/bin/conmon -c " + id + " -u " + id + " -b /storage/" + id + "/userdata -n web", "/storage/" + id + "/userdata"},
		{"conmon -b /storage/" + id + "/userdata", "/storage/" + id + "/userdata"},
		{"conmon -c " + id + " -b /storage/" + id + "/userdata/" + appID, ""}, // of a podman exec
		{"conmon -c " + id + " -b /storage/" + appID + "/userdata", ""},
		{"conmon -c " + id + " -b", ""},
		{"conmon -c " + id, ""},
		{"sh -b /storage/" + id + "/userdata", ""},
		{"", ""},
	} {
		p := procDir(t, map[string]string{
			"cmdline": strings.ReplaceAll(row.args, " ", "\x00") + "\x00",
			"root/storage/" + id + "/userdata/config.json": `{"process":{"cwd":"/work"}}`,
		})
		if err := os.Symlink("/", filepath.Join(p.dir.Name(), "cwd")); err != nil {
			t.Fatal(err)
		}
		err := p.findBundle(id)
		if row.bundle == "" {
			if !errors.Is(err, errNotContainer) {
				t.Errorf("%q: %v, want %v", row.args, err, errNotContainer)
			}
			continue
		}
		if err != nil || p.bundle != row.bundle {
			t.Errorf("%q: %q, %v", row.args, p.bundle, err)
			continue
		}
		if b, err := p.readBundle(); err != nil || b.Process.Cwd != "/work" {
			t.Errorf("%q: %+v, %v", row.args, b, err)
		}
	}
}

func TestParentInAnotherDirectoryIsRefused(t *testing.T) {
	id := strings.Repeat("1f", 32)
	p := contained(t, "0::/docker/"+id+"\n")
	for _, dir := range []string{
		strings.Repeat("2e", 32),
		id[:12],              // Docker's short form
		id + "0",             // longer
		id + "/rootfs",       // below the bundle
		"a" + id,             //
		id + " (deleted)",    // as the kernel shows one that was removed
		"(unreachable)" + id, // as it shows one outside of the root
	} {
		path := filepath.Join(t.TempDir(), dir)
		if err := os.MkdirAll(path, 0o755); err != nil {
			t.Fatal(err)
		}
		t.Chdir(path)
		if shim, err := p.shim(id, ""); !errors.Is(err, errNotContainer) || shim != nil {
			t.Errorf("in %s: %+v, %v; want %v", dir, shim, err, errNotContainer)
		}
	}
}

func TestShimThatLostItsBundleIsRefused(t *testing.T) {
	id := strings.Repeat("1f", 32)
	p := contained(t, "0::/docker/"+id+"\n")
	bundle := filepath.Join(t.TempDir(), id)
	if err := os.Mkdir(bundle, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Chdir(bundle)
	if err := os.Remove(bundle); err != nil {
		t.Fatal(err)
	}
	if shim, err := p.shim(id, ""); !errors.Is(err, errNotContainer) {
		t.Errorf("%+v, %v; want %v", shim, err, errNotContainer)
	}
}

func TestProcessWithoutAParentIsRefused(t *testing.T) {
	p := procDir(t, map[string]string{"status": "PPid:\t0\n"}) // its parent is in another pid namespace
	if shim, err := p.shim("/", ""); !errors.Is(err, errNotContainer) {
		t.Errorf("%+v, %v; want %v", shim, err, errNotContainer)
	}
}

func TestBundleMustBeARegularFile(t *testing.T) {
	for name, put := range map[string]func(path string) error{
		"a link":      func(path string) error { return os.Symlink("real.json", path) },
		"a directory": func(path string) error { return os.Mkdir(path, 0o755) },
		"a FIFO":      func(path string) error { return unix.Mkfifo(path, 0o600) },
		"nothing":     func(string) error { return nil },
	} {
		p := procDir(t, map[string]string{"cwd/real.json": `{"process":{"cwd":"/"}}`})
		p.bundleFile = "cwd/config.json"
		if err := put(filepath.Join(p.dir.Name(), "cwd/config.json")); err != nil {
			t.Fatal(err)
		}
		done := make(chan error, 1)
		go func() { _, err := p.readBundle(); done <- err }()
		select {
		case err := <-done:
			if err == nil {
				t.Errorf("%s is read", name)
			}
		case <-time.After(time.Minute):
			t.Fatalf("%s: it hangs", name)
		}
	}
}
