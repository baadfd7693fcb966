package pump

import (
	"errors"
	"testing"
	"time"
)

// A loop stays awake where events come fast, and seldom tries that where they do not.
func TestSpin(t *testing.T) {
	var s spin
	times := func(n int, d time.Duration) (spun int) {
		for range n {
			if s.pays() {
				spun++
				s.found(d < spinFor)
				if d < spinFor {
					continue
				}
			}
			s.waited(d)
		}
		return spun
	}
	const all, soon, late = 1000, spinFor / 2, 2 * spinFor
	if n := times(all, late); n != 0 {
		t.Errorf("%d times in vain", n)
	}
	if n := times(all, soon); n < all-2 {
		t.Errorf("%d of %d times where it pays", n, all)
	}
	if n := times(all, late); n != 1 {
		t.Errorf("%d times until it is given up", n)
	}
	// Waits that are short enough, and then none when it is tried, as on a machine whose processors are all busy.
	spun := 0
	for range 100 * all {
		if s.pays() {
			spun++
			s.found(false)
		}
		s.waited(soon)
	}
	if most := 2 * 100 * all / mostNeeded; spun > most {
		t.Errorf("%d times in vain, more than %d", spun, most)
	}
}

// What comes during that time, or after it, is returned, and so are errors.
func TestSpinWaits(t *testing.T) {
	failed := errors.New("failed")
	for _, c := range []struct {
		after int // calls without an event
		err   error
		waits bool
	}{{0, nil, false}, {3, nil, false}, {1 << 30, nil, true}, {1, failed, false}} {
		s := spin{short: 1}
		calls, waited := 0, false
		n, err := s.wait(func(timeout int) (int, error) {
			calls++
			if waited = timeout < 0; waited {
				return 2, nil
			}
			if calls <= c.after {
				return 0, nil
			}
			return 1, c.err
		})
		want := 1
		if c.waits {
			want = 2
		}
		if n != want || !errors.Is(err, c.err) || waited != c.waits {
			t.Errorf("%+v: %d events, %v, waited: %t", c, n, err, waited)
		}
	}
}
