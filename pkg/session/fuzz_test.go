//go:build linux

package session

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
)

// What is typed is passed on in its order, up to the keys, in whatever pieces it comes.
func FuzzKeys(f *testing.F) {
	f.Add([]byte("\x10\x11"), []byte("ls\n\x10\x11more"), uint8(1))
	f.Add([]byte("\x10\x11"), []byte("\x10\x10\x11"), uint8(2))
	f.Add([]byte("papaq"), []byte("papapaq"), uint8(3))
	f.Add([]byte(""), []byte("anything"), uint8(4))
	f.Add([]byte("pp"), []byte("pxp"), uint8(1))
	f.Fuzz(func(t *testing.T, want, typed []byte, size uint8) {
		k := &keys{want: want}
		var out []byte
		complete := false
		for rest := typed; len(rest) > 0 && !complete; {
			n := min(len(rest), int(size)+1)
			var part []byte
			part, complete = k.typed(bytes.Clone(rest[:n]))
			out = append(out, part...)
			rest = rest[n:]
		}
		at := bytes.Index(typed, want)
		if found := at >= 0 && len(want) > 0; complete != found {
			t.Fatalf("keys %q in %q: found is %t", want, typed, complete)
		}
		expected := typed
		if complete {
			expected = typed[:at]
		} else {
			out = append(out, k.flush()...)
		}
		if !bytes.Equal(out, expected) {
			t.Errorf("keys %q in %q: %q is passed on, want %q", want, typed, out, expected)
		}
	})
}

// A process names itself as it likes; no name changes another field.
func FuzzStat(f *testing.F) {
	const rest = " 1 10 20 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 555 0 0 0 0 0 0 0 0 0 0 4096 2 0 0 0 17 1 0 0"
	f.Add("sh", "S"+rest)
	f.Add("a) Z 1 99 99", "S"+rest)
	f.Add("(\n)", "R"+rest)
	f.Add("x", "Z 1 10")
	f.Add("", "")
	f.Fuzz(func(t *testing.T, name, rest string) {
		plain, plainErr := parseStat(fmt.Sprintf("7 (sh) %s\n", rest))
		if strings.Contains(rest, ")") {
			return // the kernel writes none after the name
		}
		named, err := parseStat(fmt.Sprintf("7 (%s) %s\n", name, rest))
		if named != plain || fmt.Sprint(err) != fmt.Sprint(plainErr) {
			t.Errorf("named %q it is %+v, %v; named sh %+v, %v", name, named, err, plain, plainErr)
		}
		if err != nil && !strings.HasPrefix(err.Error(), "stat: ") {
			t.Errorf("%q is refused with %q", rest, err)
		}
	})
}
