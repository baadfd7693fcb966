//go:build linux

package session

import (
	"bytes"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/quick"
)

func TestKeysAreFoundInWhatIsTyped(t *testing.T) {
	for _, row := range []struct {
		name, want string
		typed      []string // "" is a pause: what is held back is given up
		out        string   // what was passed on, a | after each
		held       string
		complete   bool
	}{
		{"no keys", "", []string{"ab", "\x10\x11"}, "ab|\x10\x11|", "", false},
		{"other keys", "pq", []string{"ab", "c"}, "ab|c|", "", false},
		{"the keys", "pq", []string{"pq"}, "|", "pq", true},
		{"the keys one by one", "pq", []string{"p", "q"}, "||", "pq", true},
		{"the keys after others", "pq", []string{"ab", "cpq"}, "ab|c|", "pq", true},
		{"what follows them", "pq", []string{"apqb"}, "a|", "pq", true},
		{"one key", "q", []string{"aq"}, "a|", "q", true},
		{"a beginning of them is held back", "pq", []string{"ap"}, "a|", "p", false},
		{"a beginning, then another key", "pq", []string{"p", "a"}, "|pa|", "", false},
		{"a beginning, then a beginning", "pq", []string{"p", "p", "q"}, "|p||", "pq", true},
		{"a beginning, then a pause", "pq", []string{"p", "", "q"}, "|p|q|", "", false},
		{"a beginning, a pause, and the keys", "pq", []string{"p", "", "pq"}, "|p||", "pq", true},
		{"a beginning within a beginning", "ppq", []string{"pppq"}, "p|", "ppq", true},
		{"a longer beginning within", "papaq", []string{"papapaq"}, "pa|", "papaq", true},
		{"all of a beginning given up at once", "ppq", []string{"ppa"}, "ppa|", "", false},
		{"twice the same key", "pp", []string{"p", "p"}, "||", "pp", true},
	} {
		k := &keys{want: []byte(row.want)}
		var out strings.Builder
		complete := false
		for _, typed := range row.typed {
			if complete {
				t.Fatalf("%s: complete before %q", row.name, typed)
			}
			var passed []byte
			if typed == "" {
				passed = k.flush()
			} else {
				passed, complete = k.typed([]byte(typed))
			}
			out.WriteString(string(passed) + "|")
		}
		if out.String() != row.out || string(k.held) != row.held || complete != row.complete {
			t.Errorf("%s: passed on %q, held %q, complete %t; want %q, %q, %t",
				row.name, out.String(), k.held, complete, row.out, row.held, row.complete)
		}
	}
}

// typed is a session at a keyboard.
type typed struct {
	keys    *keys
	out     []byte // that came out
	before  []byte // typed until the last pause
	segment []byte // and since
}

// pause tells whether all that was typed is out then.
func (y *typed) pause() bool {
	y.out = append(y.out, y.keys.flush()...)
	y.before, y.segment = append(y.before, y.segment...), nil
	return len(y.keys.held) == 0 && bytes.Equal(y.out, y.before)
}

// add types more, and tells whether what came out is right: all but what is held
// back, or what was before the keys, once they are complete.
func (y *typed) add(in []byte) (complete, right bool) {
	y.segment = append(y.segment, in...)
	passed, complete := y.keys.typed(bytes.Clone(in))
	y.out = append(y.out, passed...)
	at := bytes.Index(y.segment, y.keys.want)
	if at >= 0 {
		return complete, complete && bytes.Equal(y.out, append(bytes.Clone(y.before), y.segment[:at]...))
	}
	all := append(bytes.Clone(y.out), y.keys.held...)
	return complete, !complete && bytes.Equal(all, append(bytes.Clone(y.before), y.segment...))
}

// Whatever is typed, in whatever pieces and with whatever pauses, comes out as
// it is but for the keys, and no later than at the next pause. Of two letters
// alone, beginnings of the keys come up everywhere.
func TestWhatIsTypedComesOut(t *testing.T) {
	found, missed := 0, 0
	holds := func(seed uint64) bool {
		random := rand.New(rand.NewPCG(seed, 2))
		y := &typed{keys: &keys{want: letters(random, 1+random.IntN(5))}}
		var complete, right bool
		for range random.IntN(12) {
			if random.IntN(4) == 0 {
				right = y.pause()
			} else {
				complete, right = y.add(letters(random, random.IntN(8)))
			}
			if !right {
				t.Logf("keys %q: typed %q, %q, out %q, held %q, complete %t",
					y.keys.want, y.before, y.segment, y.out, y.keys.held, complete)
				return false
			}
			if complete {
				found++
				return true
			}
		}
		missed++
		return true
	}
	if err := quick.Check(holds, &quick.Config{MaxCount: 20000}); err != nil {
		t.Error(err)
	}
	if found < 1000 || missed < 1000 {
		t.Errorf("the keys came up %d times, and %d times not", found, missed)
	}
}

func letters(random *rand.Rand, n int) []byte {
	text := make([]byte, n)
	for i := range text {
		text[i] = "ab"[random.IntN(2)]
	}
	return text
}
