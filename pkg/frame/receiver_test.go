package frame_test

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/nsjoin/docker-nsjoin/pkg/frame"
)

// The engine delivers the two outputs in any order and in any parts. All has come when the last frame has, and
// as many bytes of standard output as it says.
func TestReceiverEndsWhenAllHasCome(t *testing.T) {
	var sent bytes.Buffer
	w := frame.NewWriter(&sent)
	_, _ = w.Write([]byte("errors"))
	_ = w.Consumed(7)
	_ = w.Exit(42, 6)
	const output = "output"
	for early := 0; early <= len(output); early++ { // bytes of standard output before the frames
		for size := 1; size <= sent.Len(); size++ {
			var out, errs bytes.Buffer
			consumed := int64(0)
			r := frame.NewReceiver(&out, &errs, func(total int64) { consumed = total })
			_, _ = r.Stdout().Write([]byte(output[:early]))
			for frames := sent.Bytes(); len(frames) > 0; {
				if _, known := r.Status(); known {
					t.Errorf("%d, %d: it has ended before the last frame", early, size)
				}
				n := min(size, len(frames))
				_, _ = r.Stderr().Write(frames[:n])
				frames = frames[n:]
			}
			if _, known := r.Status(); known != (early == len(output)) {
				t.Errorf("%d, %d: the end is known: %t", early, size, known)
			}
			_, _ = r.Stdout().Write([]byte(output[early:]))
			status, known := r.Status()
			if got := fmt.Sprint(&out, " ", &errs, " ", consumed, " ", status, " ", known); got != "output errors 7 42 true" {
				t.Errorf("%d, %d: %s", early, size, got)
			}
		}
	}
}

// A helper that was killed sends no last frame; what it wrote is not a frame either.
func TestReceiverWithoutLastFrame(t *testing.T) {
	var out, errs bytes.Buffer
	r := frame.NewReceiver(&out, &errs, func(int64) {})
	_, _ = r.Stderr().Write([]byte("panic: x"))
	if err := r.Close(); err != nil || errs.String() != "panic: x" {
		t.Errorf("%v, standard error %q", err, &errs)
	}
	if status, known := r.Status(); known {
		t.Errorf("it has ended with status %d", status)
	}
}

// A second last frame changes nothing.
func TestReceiverTakesOneLastFrame(t *testing.T) {
	var out, errs, sent bytes.Buffer
	w := frame.NewWriter(&sent)
	_ = w.Exit(1, 0)
	_ = w.Exit(2, 0)
	r := frame.NewReceiver(&out, &errs, func(int64) {})
	_, _ = r.Stderr().Write(sent.Bytes())
	if status, known := r.Status(); status != 1 || !known {
		t.Errorf("status %d, %t", status, known)
	}
}
