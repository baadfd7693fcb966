package progress

import (
	"strings"
	"sync"
	"testing"
	"time"
)

type screen struct {
	mu   sync.Mutex
	text strings.Builder
}

func (s *screen) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(b)
}

func (s *screen) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

func TestLineIsShownAndRemoved(t *testing.T) {
	var to screen
	show, erase := on(&to)
	l := start(show, erase, "copying", func() string { return "3 MB" }, 0)
	for deadline := time.Now().Add(time.Minute); !strings.Contains(to.String(), "copying"); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("nothing is shown")
		}
	}
	l.End()
	if text := to.String(); !strings.HasPrefix(text, eraseLine+"copying: 3 MB, 0 s") || !strings.HasSuffix(text, eraseLine) {
		t.Errorf("%q", text)
	}
}

func TestShortWorkShowsNothing(t *testing.T) {
	var to screen
	show, erase := on(&to)
	start(show, erase, "copying", nil, time.Hour).End()
	(*Line)(nil).End()
	if text := to.String(); text != "" {
		t.Errorf("%q", text)
	}
}
