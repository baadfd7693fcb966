package clock

import (
	"testing"
	"time"
)

func TestTimesAsPeopleTypeThem(t *testing.T) {
	now := time.Date(2026, 3, 31, 12, 30, 15, 0, time.UTC)
	for text, want := range map[string]string{
		"now": "2026-03-31 12:30:15", "yesterday": "2026-03-30 12:30:15", "2 hours ago": "2026-03-31 10:30:15", "-1 day": "2026-03-30 12:30:15",
		"+1 week": "2026-04-07 12:30:15", "10:20": "2026-03-31 10:20:00", "2026-01-02T03:04": "2026-01-02 03:04:00", "@60": "1970-01-01 00:01:00",
	} {
		if got, err := Parse(text, now); err != nil || got.UTC().Format(time.DateTime) != want {
			t.Errorf("%q is %v, %v, want %s", text, got, err, want)
		}
	}
	for _, text := range []string{"", "x", "2 parsecs ago", "@x", "1 day later"} {
		if got, err := Parse(text, now); err == nil {
			t.Errorf("%q is %v", text, got)
		}
	}
}
