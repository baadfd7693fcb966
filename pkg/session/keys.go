//go:build linux

package session

import "bytes"

// keys finds the detach keys in what is typed. It holds back bytes that may begin them until the
// next byte, or flush.
type keys struct {
	sequence []byte
	held     []byte // a prefix of sequence
}

// feed takes what was typed. It returns what to pass on, and whether the sequence is complete;
// what follows the sequence is dropped.
func (k *keys) feed(in []byte) (out []byte, complete bool) {
	if len(k.sequence) == 0 {
		return in, false
	}
	for _, b := range in {
		k.held = append(k.held, b)
		for !bytes.HasPrefix(k.sequence, k.held) {
			out = append(out, k.held[0])
			k.held = k.held[1:]
		}
		if len(k.held) == len(k.sequence) {
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
