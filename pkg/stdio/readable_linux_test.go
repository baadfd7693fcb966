package stdio

import (
	"os"
	"testing"
)

func TestReadableCountsWhatWaitsInAPipe(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	for _, want := range []int{0, 5} {
		if _, err := w.WriteString("hello"[:want]); err != nil {
			t.Fatal(err)
		}
		if n := UnreadBytes(r); n != want {
			t.Errorf("%d bytes, want %d", n, want)
		}
	}
	if InForeground(r) {
		t.Error("a pipe has a foreground")
	}
}
