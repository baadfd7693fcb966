package client

import (
	"context"
	"encoding/json"
	"os"
	"testing"

	"github.com/nsjoin/docker-nsjoin/pkg/sockets/message"
	"github.com/nsjoin/docker-nsjoin/pkg/sockets/passing"
)

// helper answers questions on a socket until the client is gone.
func helper(t *testing.T, answer func(q message.Question) (message.Answer, []int)) *Local {
	t.Helper()
	ours, theirs, err := passing.Pair()
	if err != nil {
		t.Fatal(err)
	}
	over := make(chan struct{})
	send := func(a message.Answer, fds []int) {
		text, err := json.Marshal(a)
		if err == nil {
			err = passing.Send(theirs, text, fds)
		}
		if err != nil {
			t.Log(err)
		}
	}
	go func() {
		defer close(over)
		defer theirs.Close()
		send(message.Answer{}, nil)
		buf := make([]byte, passing.MaxMessage)
		for {
			n, _, err := passing.Receive(theirs, buf)
			if err != nil || n == 0 {
				return
			}
			var q message.Question
			if err := json.Unmarshal(buf[:n], &q); err != nil {
				t.Error(err)
				return
			}
			a, fds := answer(q)
			a.ID = q.ID
			send(a, fds)
		}
	}()
	l, err := OpenLocal(t.Context(), ours, func() error { <-over; return nil })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

// The descriptors of an answer that comes while its question is given up are closed.
func TestAnswerThatNobodyWaitsFor(t *testing.T) {
	l := helper(t, func(message.Question) (message.Answer, []int) { return message.Answer{}, []int{0} })
	before := descriptors(t)
	const rounds = 3000
	for range rounds {
		ctx, cancel := context.WithCancel(t.Context())
		go cancel()
		if r, err := l.ask(ctx, message.Question{Do: message.Make}); err == nil {
			closeAll(r.fds)
		}
	}
	if r, err := l.ask(t.Context(), message.Question{Do: message.Make}); err == nil { // all others were answered before
		closeAll(r.fds)
	}
	if after := descriptors(t); after > before {
		t.Errorf("%d descriptors, then %d", before, after)
	}
}

func descriptors(t *testing.T) int {
	t.Helper()
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(list)
}
