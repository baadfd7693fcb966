package procs

import (
	"slices"
	"strings"
	"syscall"
	"testing"
)

func TestSignalOption(t *testing.T) {
	for _, row := range []struct {
		args   string
		signal syscall.Signal
		rest   string
	}{
		{"12", syscall.SIGTERM, "12"},
		{"-9 12", syscall.SIGKILL, "12"},
		{"-9 -7 12", syscall.SIGKILL, "-7 12"},
		{"-s HUP -9", syscall.SIGHUP, "-9"},
		{"-KILL -- -7", syscall.SIGKILL, "-- -7"},
		{"-- -7", syscall.SIGTERM, "-- -7"},
		{"-f -HUP name", syscall.SIGHUP, "-f name"},
		{"-u 0 -sigint name", syscall.SIGINT, "-u 0 name"},
	} {
		signal, rest, err := signalOption(strings.Fields(row.args))
		if signal != row.signal || !slices.Equal(rest, strings.Fields(row.rest)) || err != nil {
			t.Errorf("%q is %v and %q, %v", row.args, signal, rest, err)
		}
	}
}

// An option that killall does not know is not skipped.
func TestKillallRefusesOptions(t *testing.T) {
	if status := Killall([]string{"-0", "-w", "nosuch"}); status != 1 {
		t.Errorf("status %d, want 1", status)
	}
}
