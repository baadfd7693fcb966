//go:build foreign

package main_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/nsjoin/docker-nsjoin/pkg/ns"
	"github.com/nsjoin/docker-nsjoin/pkg/request"
)

// TestForeign runs the helpers of other architectures by an emulator, scripts/foreign:
// they plan the same as this machine's, to the byte, and join the same. The emulator has threads
// and doesn't know openat2(2), ptrace(2) and the ioctls of namespaces, so that no identity of a
// container's and no pid, time or user namespace is among what they do.
func TestForeign(t *testing.T) {
	dir := os.Getenv("NSJOIN_TEST_FOREIGN") // has helpers and emulators
	emulators, err := filepath.Glob(filepath.Join(dir, "qemu-*"))
	if err != nil || len(emulators) != 5 {
		t.Fatalf("emulators: %q, %v; make foreign gets them", emulators, err)
	}
	taken := ns.SetOf(ns.Net, ns.IPC, ns.UTS)
	pid := isolated(t, taken)
	join := &request.Request{Base: request.Source{From: request.FromPID, PID: pid}, Take: taken, Command: showLinks()}
	plan := *join
	plan.DryRun = request.OutputJSON
	want := runJoined(t, &plan)
	for _, emulator := range emulators {
		arch := filepath.Base(emulator)[len("qemu-"):]
		t.Run(arch, func(t *testing.T) {
			command := []string{emulator, filepath.Join(dir, "linux_"+arch)}
			if got, stderr, status := runHelperBy(t, &plan, command...); status != 0 || got != want {
				t.Errorf("status %d, %s\n%s\nwant\n%s", status, stderr, got, want)
			}
			got, stderr, status := runHelperBy(t, join, command...)
			if status != 0 {
				t.Fatalf("status %d, %s", status, stderr)
			}
			expectLinks(t, got, func(k ns.Kind) int {
				if taken.Has(k) {
					return pid
				}
				return os.Getpid()
			})
		})
	}
}
