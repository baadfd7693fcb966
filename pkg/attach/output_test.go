package attach

import (
	"errors"
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
