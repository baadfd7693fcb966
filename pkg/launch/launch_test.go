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
		if want := `--via "` + value + `": one of auto, local, engine`; err.Error() != want {
			t.Errorf("--via %q is refused with %q, want %q", value, err, want)
		}
		if exit.Status(err) != exit.Failed {
			t.Errorf("--via %q: status %d, want %d", value, exit.Status(err), exit.Failed)
		}
	}
}

func TestViaEngineIsNotTakenForAnother(t *testing.T) {
	got, err := launch.ParseVia("engine")
	if err == nil {
		if got != launch.Engine {
			t.Errorf("--via engine is taken for %q", got)
		}
		return
	}
	known, ok := errors.AsType[*exit.Error](err)
	if !ok || known.Hint == "" {
		t.Errorf("--via engine is refused with %q and no way out", err)
	}
	if got != "" {
		t.Errorf("--via engine is refused and gives %q", got)
	}
}
