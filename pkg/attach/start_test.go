package attach

import (
	"context"
	"errors"
	"os"
	"testing"
)

// A signal that comes while the helper starts ends that, or is one for the command if it has started nevertheless.
func TestSignalWhileTheHelperStarts(t *testing.T) {
	for _, fails := range []error{nil, errors.New("interrupted")} {
		signals := make(chan os.Signal, 16)
		h, err := startUnlessInterrupted(t.Context(), signals, func(ctx context.Context) (Helper, error) {
			signals <- os.Interrupt
			<-ctx.Done()
			return struct{ Helper }{}, fails
		})
		if fails != nil {
			if !errors.Is(err, ErrInterrupted) || len(signals) > 0 {
				t.Errorf("%v, and %d signals are left", err, len(signals))
			}
			continue
		}
		if h == nil || err != nil || len(signals) != 1 {
			t.Errorf("%v, and %d signals are left for the command", err, len(signals))
		}
	}
}
