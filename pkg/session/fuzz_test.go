//go:build linux

package session

import (
	"bytes"
	"testing"
)

// However the input is split, everything before the detach keys is passed on in order.
func FuzzKeys(f *testing.F) {
	f.Add([]byte("\x10\x11"), []byte("ls\n\x10\x11more"), uint8(1))
	f.Add([]byte("\x10\x11"), []byte("\x10\x10\x11"), uint8(2))
	f.Add([]byte("papaq"), []byte("papapaq"), uint8(3))
	f.Add([]byte(""), []byte("anything"), uint8(4))
	f.Add([]byte("pp"), []byte("pxp"), uint8(1))
	f.Fuzz(func(t *testing.T, want, typed []byte, size uint8) {
		k := &keys{sequence: want}
		var out []byte
		complete := false
		for rest := typed; len(rest) > 0 && !complete; {
			n := min(len(rest), int(size)+1)
			var part []byte
			part, complete = k.feed(bytes.Clone(rest[:n]))
			out = append(out, part...)
			rest = rest[n:]
		}
		at := bytes.Index(typed, want)
		if found := at >= 0 && len(want) > 0; complete != found {
			t.Fatalf("detach keys %q in %q: found %t", want, typed, complete)
		}
		expected := typed
		if complete {
			expected = typed[:at]
		} else {
			out = append(out, k.flush()...)
		}
		if !bytes.Equal(out, expected) {
			t.Errorf("detach keys %q in %q: got %q, want %q", want, typed, out, expected)
		}
	})
}
