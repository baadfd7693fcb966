//go:build linux

package join

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"testing"
)

// wire is messages as the child writes them.
func wire(t *testing.T, messages ...message) []byte {
	t.Helper()
	var b bytes.Buffer
	for _, m := range messages {
		if err := binary.Write(&b, binary.NativeEndian, m); err != nil {
			t.Fatal(err)
		}
	}
	return b.Bytes()
}

func TestMessagesAreReceivedOneByOne(t *testing.T) {
	sent := []message{
		{messageForked, 17, 4294967295},
		{messageFailed, -1, 13},
		{messageReady, 0, 0},
	}
	from := bytes.NewReader(wire(t, sent...))
	for i, want := range sent {
		if got, err := receive(from); err != nil || got != want {
			t.Errorf("message %d is %+v, %v; want %+v", i, got, err, want)
		}
	}
	if _, err := receive(from); !errors.Is(err, io.EOF) {
		t.Errorf("after the last one: %v, want %v", err, io.EOF)
	}
}

func TestHalfAMessageIsNone(t *testing.T) {
	whole := wire(t, message{messageReady, 1, 2})
	for n := 1; n < len(whole); n++ {
		if m, err := receive(bytes.NewReader(whole[:n])); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("%d of %d bytes are %+v, %v", n, len(whole), m, err)
		}
	}
}
