//go:build foreign

package main_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/nsjoin/docker-nsjoin/pkg/ns"
	"github.com/nsjoin/docker-nsjoin/pkg/request"
)

// TestForeign runs the helpers of other architectures under an emulator: see scripts/foreign. They
// print the same plan as this machine's helper, byte for byte, and join the same namespaces. The
// emulator is multithreaded and lacks openat2(2), ptrace(2) and the namespace ioctls, so no container
// identity and no PID, time or user namespace is tested.
func TestForeign(t *testing.T) {
	dir := os.Getenv("NSJOIN_TEST_FOREIGN") // contains the helpers and emulators
	emulators, err := filepath.Glob(filepath.Join(dir, "qemu-*"))
	if err != nil || len(emulators) != 5 {
		t.Fatalf("emulators: %q, %v; run make foreign", emulators, err)
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
