package main

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// A file of the container's instead of a zone is not waited for.
func TestZone(t *testing.T) {
	dir := t.TempDir()
	fifo, bad := filepath.Join(dir, "fifo"), filepath.Join(dir, "bad")
	if err := unix.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(bad, []byte("no zone"), 0o600); err != nil {
		t.Fatal(err)
	}
	old := zoneDirs
	zoneDirs = []string{dir + "/"}
	defer func() { zoneDirs = old }()
	for _, name := range []string{"fifo", ":fifo", fifo, "bad", "nosuch", "", "UTC", "/dev/zero"} {
		if got := zone(name, true); got != time.UTC {
			t.Errorf("TZ=%q is %v", name, got)
		}
	}
	// A fixed zone with one abbreviation: version 1 of the format in tzfile(5).
	file := "TZif" + string(make([]byte, 16)) + "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00\x04" + "\x00\x00\x0e\x10\x00\x00XYZ\x00"
	if err := os.WriteFile(filepath.Join(dir, "Zone"), []byte(file), 0o600); err != nil {
		t.Fatal(err)
	}
	if name, offset := time.Unix(0, 0).In(zone("Zone", true)).Zone(); name != "XYZ" || offset != 3600 {
		t.Errorf("the zone is %q, %d", name, offset)
	}
}
