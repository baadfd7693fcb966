package launch_test

import (
	"errors"
	"testing"

	"github.com/nsjoin/docker-nsjoin/pkg/exit"
	"github.com/nsjoin/docker-nsjoin/pkg/launch"
)

func TestParseVia(t *testing.T) {
	for value, want := range map[string]launch.Via{"auto": launch.Auto, "local": launch.Local} {
		if got, err := launch.ParseVia(value); err != nil || got != want {
			t.Errorf("--via %s = %q, %v; want %q", value, got, err, want)
		}
	}
}

func TestUnknownViaIsRefusedWithTheList(t *testing.T) {
	for _, value := range []string{"", "Auto", "local ", "ssh", "helper"} {
		got, err := launch.ParseVia(value)
		if err == nil {
			t.Errorf("--via %q is taken for %q", value, got)
			continue
		}
		if want := "one of auto, local, engine"; err.Error() != want {
			t.Errorf("--via %q is refused with %q, want %q", value, err, want)
		}
		if got != "" {
			t.Errorf("--via %q gives %q besides its error", value, got)
		}
		if exit.Status(err) != exit.Failed {
			t.Errorf("--via %q: status %d, want %d", value, exit.Status(err), exit.Failed)
		}
	}
}

// The flag adds its name and the value.
func TestViaEngineIsRefusedWithAWayOut(t *testing.T) {
	got, err := launch.ParseVia("engine")
	if err == nil {
		t.Fatalf("--via engine is taken for %q", got)
	}
	if want := "it is not there yet"; err.Error() != want {
		t.Errorf("--via engine is refused with %q, want %q", err, want)
	}
	known, ok := errors.AsType[*exit.Error](err)
	if !ok || known.Hint == "" {
		t.Errorf("--via engine is refused with %q and no way out", err)
	}
	if got != "" {
		t.Errorf("--via engine gives %q besides its error", got)
	}
}
