package leaktest

import (
	"os"
	"runtime"
	"strings"
	"testing"
	"time"
)

func TestWhatIsLeftIsTold(t *testing.T) {
	before, goroutines := descriptors(), runtime.NumGoroutine()
	var text strings.Builder
	if Left(&text, goroutines, before, time.Second) {
		t.Fatalf("nothing was left, and it says %q", &text)
	}
	if _, err := os.Stat("/proc/self/fd"); err == nil {
		r, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		if !Left(&text, goroutines, before, 0) || !strings.Contains(text.String(), "pipe:[") {
			t.Errorf("a pipe was left, and it says %q", &text)
		}
		r.Close()
		w.Close()
	}
	text.Reset()
	wait := make(chan struct{})
	go func() { <-wait }()
	if !Left(&text, goroutines, before, 0) || !strings.Contains(text.String(), "1 goroutines") {
		t.Errorf("a goroutine was left, and it says %q", &text)
	}
	close(wait)
	if Left(&text, goroutines, before, 10*time.Second) {
		t.Errorf("it has ended, and it says %q", &text)
	}
}
