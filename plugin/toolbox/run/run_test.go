package run

import "testing"

func TestWatchMarksDifferences(t *testing.T) {
	if got, want := marked("abc\nnew\n", "axc\n"), "a\x1b[7mb\x1b[27mc\n\x1b[7mn\x1b[27m\x1b[7me\x1b[27m\x1b[7mw\x1b[27m\n"; got != want {
		t.Errorf("it is %q, want %q", got, want)
	}
}
