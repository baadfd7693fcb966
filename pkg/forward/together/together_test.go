package together_test

import (
	"testing"

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
	goOn <- "one"
	<-first.Done()
	<-begun
	goOn <- "two"
	if one, two := first.Get(), second.Get(); one != "one" || two != "two" {
		t.Errorf("%s, %s", one, two)
	}
}
