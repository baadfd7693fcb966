//go:build linux

package main

import (
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/nsjoin/docker-nsjoin/pkg/resolve"
	"github.com/nsjoin/docker-nsjoin/pkg/sockets"
)

// TestForwardNames compares how docker nsjoin forward resolves names with what the C library's getent prints in the
// container: aliases of a network with both versions of IP, added hosts, search domains, and ndots.
func TestForwardNames(t *testing.T) {
	getent, err := exec.LookPath("getent")
	if err != nil {
		t.Skip(err)
	}
	network := fmt.Sprintf("names-%d", os.Getpid())
	if out, err := exec.Command("docker", "network", "create", "--internal", "--ipv6", "--subnet", "fd00:6e73:6a6f::/64", network).CombinedOutput(); err != nil {
		t.Skipf("no network with IPv6: %s", out)
	}
	t.Cleanup(func() { _ = exec.Command("docker", "network", "rm", network).Run() })
	run := func(options ...string) string {
		t.Helper()
		name := fmt.Sprintf("names-%d-%d", os.Getpid(), serial.Add(1))
		args := append([]string{"--network", network}, options...)
		if out, err := tryContainer(t, name, append(args, testImage, "sleep", "600")...); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		return name
	}
	run("--network-alias", "one", "--network-alias", "Two.corp.example", "--network-alias", "a.b")
	other := run("--network-alias", "one", "--network-alias", "a.b.corp.example", "--network-alias", "one.corp.example")
	web := run("--dns", "127.0.0.9", "--dns-search", "corp.example", "--dns-opt", "ndots:2", "--dns-opt", "timeout:1", "--dns-opt", "attempts:1",
		"--add-host", "added.example:192.0.2.9", "--add-host", "added.example:2001:db8::9", "--add-host", "Mixed:192.0.2.8",
		"-v", getent+":/getent:ro", "-v", "/lib:/lib:ro", "-v", "/lib64:/lib64:ro", "-v", "/usr/lib:/usr/lib:ro", "-v", "/etc/nsswitch.conf:/etc/nsswitch.conf:ro", "-v", "/etc/host.conf:/etc/host.conf:ro")
	local := openForward(t, web, "")
	// What the engine says gives the same files: script/names.txt.
	files := sockets.Names{Resolv: []byte(docker(t, "exec", web, "cat", "/etc/resolv.conf")), Hosts: []byte(docker(t, "exec", web, "cat", "/etc/hosts"))}
	resolver := resolve.New(files, local.Dial)
	id := docker(t, "inspect", "-f", "{{.Config.Hostname}}", web)
	for _, name := range []string{
		"one", "one.", "ONE", "two", "two.corp.example", "two.corp.example.", "a.b", "a.b.", other, other + ".", strings.TrimSpace(id),
		"added.example", "added", "mixed", "localhost", "192.0.2.1", "2001:db8::1",
	} {
		var got []string
		found, failed := resolver.Lookup(t.Context(), name)
		for _, addr := range found {
			got = append(got, addr.String())
		}
		out, refused := exec.Command("docker", "exec", web, "/getent", "ahosts", name).Output()
		var want []string
		for line := range strings.Lines(string(out)) {
			if f := strings.Fields(line); len(f) > 1 && f[1] == "STREAM" {
				want = append(want, f[0])
			}
		}
		slices.Sort(got)
		slices.Sort(want)
		got, want = slices.Compact(got), slices.Compact(want)
		if !slices.Equal(got, want) || (failed == nil) != (refused == nil) {
			t.Errorf("%s: %q, %v; getent: %q, %v", name, got, failed, want, refused)
		}
	}
}
