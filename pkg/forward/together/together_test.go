package together_test

import (
	"testing"
	"time"

	"github.com/nsjoin/docker-nsjoin/pkg/forward/together"
)

// Those who ask at the same time share an answer, which began after they had asked.
func TestTogether(t *testing.T) {
	begun, goOn := make(chan struct{}), make(chan string)
	q := together.Question[string]{Ask: func() string {
		begun <- struct{}{}
		return <-goOn
	}}
	first := q.Join()
	<-begun
	second := q.Join()
	for range 100 {
		if answer := q.Join(); answer != second || answer == first {
			t.Fatal("each asks for itself")
		}
	}
	moment := time.Now()
	if answer := q.JoinSince(moment.Add(-time.Hour)); answer != first {
		t.Error("what has begun is not shared with one who accepts it")
	}
	if answer := q.JoinSince(moment.Add(time.Hour)); answer != second {
		t.Error("what began too early is shared")
	}
	goOn <- "one"
	<-first.Done()
	<-begun
	goOn <- "two"
	if one, two := first.Get(), second.Get(); one != "one" || two != "two" {
		t.Errorf("%s, %s", one, two)
	}
}
