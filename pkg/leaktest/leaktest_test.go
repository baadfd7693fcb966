package leaktest

import (
	"os"
	"runtime"
	"strings"
	"testing"
	"time"
)

func TestLeaked(t *testing.T) {
	before, goroutines := openDescriptors(), runtime.NumGoroutine()
	var text strings.Builder
	if Leaked(&text, goroutines, before, time.Second) {
		t.Fatalf("leak reported without one: %q", &text)
	}
	if _, err := os.Stat("/proc/self/fd"); err == nil {
		r, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		if !Leaked(&text, goroutines, before, 0) || !strings.Contains(text.String(), "pipe:[") {
			t.Errorf("with a leaked pipe: %q", &text)
		}
		r.Close()
		w.Close()
	}
	text.Reset()
	wait := make(chan struct{})
	go func() { <-wait }()
	if !Leaked(&text, goroutines, before, 0) || !strings.Contains(text.String(), "1 goroutines") {
		t.Errorf("with a leaked goroutine: %q", &text)
	}
	close(wait)
	if Leaked(&text, goroutines, before, timeout) {
		t.Errorf("after the goroutine's end: %q", &text)
	}
}
