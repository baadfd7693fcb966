//go:build linux

package session

import (
	"bytes"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/quick"
)

func TestDetachKeysAreFound(t *testing.T) {
	for _, row := range []struct {
		name, want string
		typed      []string // "" is a pause: keys that are held back are passed on
		out        string   // what was passed on, with a | after each
		held       string
		complete   bool
	}{
		{"no detach keys configured", "", []string{"ab", "\x10\x11"}, "ab|\x10\x11|", "", false},
		{"no detach keys typed", "pq", []string{"ab", "c"}, "ab|c|", "", false},
		{"the detach keys", "pq", []string{"pq"}, "|", "pq", true},
		{"the detach keys one by one", "pq", []string{"p", "q"}, "||", "pq", true},
		{"the detach keys after others", "pq", []string{"ab", "cpq"}, "ab|c|", "pq", true},
		{"keys after the detach keys", "pq", []string{"apqb"}, "a|", "pq", true},
		{"a single detach key", "q", []string{"aq"}, "a|", "q", true},
		{"a prefix is held back", "pq", []string{"ap"}, "a|", "p", false},
		{"a prefix, then another key", "pq", []string{"p", "a"}, "|pa|", "", false},
		{"a prefix, then the detach keys", "pq", []string{"p", "p", "q"}, "|p||", "pq", true},
		{"a prefix, then a pause", "pq", []string{"p", "", "q"}, "|p|q|", "", false},
		{"a prefix, a pause, the detach keys", "pq", []string{"p", "", "pq"}, "|p||", "pq", true},
		{"a prefix within a prefix", "ppq", []string{"pppq"}, "p|", "ppq", true},
		{"a longer prefix within a prefix", "papaq", []string{"papapaq"}, "pa|", "papaq", true},
		{"a whole prefix passed on at once", "ppq", []string{"ppa"}, "ppa|", "", false},
		{"the same key twice", "pp", []string{"p", "p"}, "||", "pp", true},
	} {
		k := &keys{sequence: []byte(row.want)}
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
				passed, complete = k.feed([]byte(typed))
			}
			out.WriteString(string(passed) + "|")
		}
		if out.String() != row.out || string(k.held) != row.held || complete != row.complete {
			t.Errorf("%s: passed on %q, held %q, complete %t; want %q, %q, %t",
				row.name, out.String(), k.held, complete, row.out, row.held, row.complete)
		}
	}
}

// typingModel compares what keys passes on with what was typed.
type typingModel struct {
	keys        *keys
	out         []byte // passed on
	beforePause []byte // typed until the last pause
	sincePause  []byte // typed since then
}

// pause reports whether everything typed so far was passed on after a pause.
func (y *typingModel) pause() bool {
	y.out = append(y.out, y.keys.flush()...)
	y.beforePause, y.sincePause = append(y.beforePause, y.sincePause...), nil
	return len(y.keys.held) == 0 && bytes.Equal(y.out, y.beforePause)
}

// add types more. right says that everything was passed on except what is held back or, once the detach
// keys are complete, everything before them.
func (y *typingModel) add(in []byte) (complete, right bool) {
	y.sincePause = append(y.sincePause, in...)
	passed, complete := y.keys.feed(bytes.Clone(in))
	y.out = append(y.out, passed...)
	at := bytes.Index(y.sincePause, y.keys.sequence)
	if at >= 0 {
		return complete, complete && bytes.Equal(y.out, append(bytes.Clone(y.beforePause), y.sincePause[:at]...))
	}
	all := append(bytes.Clone(y.out), y.keys.held...)
	return complete, !complete && bytes.Equal(all, append(bytes.Clone(y.beforePause), y.sincePause...))
}

// However the input is split and wherever the pauses are, everything but the detach keys is passed
// on, at the latest at the next pause. With an alphabet of two letters, prefixes of the
// detach keys come up everywhere.
func TestTypedBytesAreNeitherLostNorReordered(t *testing.T) {
	found, missed := 0, 0
	holds := func(seed uint64) bool {
		random := rand.New(rand.NewPCG(seed, 2))
		y := &typingModel{keys: &keys{sequence: randomLetters(random, 1+random.IntN(5))}}
		var complete, right bool
		for range random.IntN(12) {
			if random.IntN(4) == 0 {
				right = y.pause()
			} else {
				complete, right = y.add(randomLetters(random, random.IntN(8)))
			}
			if !right {
				t.Logf("keys %q: typed %q, %q, out %q, held %q, complete %t",
					y.keys.sequence, y.beforePause, y.sincePause, y.out, y.keys.held, complete)
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
		t.Errorf("the detach keys came up in %d runs and not in %d", found, missed)
	}
}

func randomLetters(random *rand.Rand, n int) []byte {
	text := make([]byte, n)
	for i := range text {
		text[i] = "ab"[random.IntN(2)]
	}
	return text
}
