//go:build linux

package session

import "bytes"

// keys finds the detach keys in what is typed. What may be the beginning of
// them is held back until the next byte, or flush, decides.
type keys struct {
	want []byte
	held []byte // a beginning of want
}

// typed takes what was typed and returns what is to be passed on, and whether
// the keys are complete; what follows them is dropped.
func (k *keys) typed(in []byte) (out []byte, complete bool) {
	if len(k.want) == 0 {
		return in, false
	}
	for _, b := range in {
		k.held = append(k.held, b)
		for !bytes.HasPrefix(k.want, k.held) {
			out = append(out, k.held[0])
			k.held = k.held[1:]
		}
		if len(k.held) == len(k.want) {
			return out, true
		}
	}
	return out, false
}

// flush returns what was held back.
func (k *keys) flush() []byte {
	out := k.held
	k.held = nil
	return out
}
