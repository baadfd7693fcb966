package attach

import (
	"errors"
	"io"
	"strings"
	"testing"
	"time"
)

// failing is a stream whose reader is gone after some writes.
type failing struct {
	strings.Builder
	left int
}

func (f *failing) Write(b []byte) (int, error) {
	if f.left == 0 {
		return 0, errors.New("broken pipe")
	}
	f.left--
	return f.Builder.Write(b)
}

func TestOutputTellsOnceThatNobodyReads(t *testing.T) {
	told := make(chan struct{}, 10)
	to := &failing{left: 2}
	o := &output{to: to, unread: func() { told <- struct{}{} }}
	for _, text := range []string{"a", "b", "c", "d", "e"} {
		if n, err := o.Write([]byte(text)); n != 1 || err != nil {
			t.Errorf("write %q: %d, %v; the rest has to be drained", text, n, err)
		}
	}
	if to.String() != "ab" {
		t.Errorf("%q arrived", to.String())
	}
	select {
	case <-told:
	case <-time.After(time.Minute):
		t.Fatal("the command isn't told")
	}
	if len(told) > 0 {
		t.Error("it is told again")
	}
}

// A write that its reader takes slowly is not stuck: its parts begin anew.
func TestOutputCountsParts(t *testing.T) {
	from, to := io.Pipe()
	o := &output{to: to, unread: func() {}}
	written := make(chan struct{})
	go func() {
		defer close(written)
		_, _ = o.Write(make([]byte, 8*largestWrite))
	}()
	for part := range int64(8) {
		if _, err := io.ReadFull(from, make([]byte, 1)); err != nil {
			t.Fatal(err)
		}
		if got := o.writes.Load(); got != 2*part+1 {
			t.Errorf("part %d: %d beginnings and ends", part, got)
		}
		if since := o.since.Swap(1); since <= 1 {
			t.Errorf("part %d: not begun anew: %d", part, since)
		}
		if !o.isStuck() {
			t.Errorf("part %d: not stuck since 1970", part)
		}
		if _, err := io.ReadFull(from, make([]byte, largestWrite-1)); err != nil {
			t.Fatal(err)
		}
	}
	<-written
	if o.isStuck() {
		t.Error("stuck at the end")
	}
}
