package ls

import (
	"strings"
	"testing"
)

// Without a terminal the screen has no height, so nothing is cut.
func TestScreenIsWrittenOverWhatWasThere(t *testing.T) {
	const want = "\x1b[Ha\x1b[K\r\nb\x1b[K\x1b[J"
	if got := screenOf("a\nb\n", ^uintptr(0)); got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestKeysThatQuit(t *testing.T) {
	for _, keys := range []string{"q", "xyzq", "\x03", "x\x03", "", "x"} {
		r := strings.NewReader(keys + "rest")
		untilQuit(r)
		if quits := strings.ContainsAny(keys, "q\x03"); quits && r.Len() != len("rest") || !quits && r.Len() != 0 {
			t.Errorf("%q: %d bytes are left", keys, r.Len())
		}
	}
}
