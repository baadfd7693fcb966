package streams_test

import (
	"errors"
	"io"
	"syscall"
	"testing"

	"github.com/nsjoin/docker-nsjoin/pkg/frame/streams"
)

// brokenPipe is the standard input of a helper that has ended. It tells when something is written.
type brokenPipe chan struct{}

func (p brokenPipe) Write([]byte) (int, error) {
	p <- struct{}{}
	return 0, syscall.EPIPE
}

// What the other end has said before it ended counts, also if that is read only after a write has failed.
func TestLastWordsAfterAWriteHasFailed(t *testing.T) {
	const why = "an attack"
	said := "v\x00\x00\x07\x00\x00\x00\x00nsjoin\x01" + "q\x00\x00\x09\x00\x00\x00\x00" + why
	for range 200 {
		to := make(brokenPipe)
		m := streams.New(streams.Config{Role: streams.Client, To: to})
		<-to
		_, _ = io.WriteString(m, said)
		m.End(io.EOF)
		if text, known := m.WhyGone(); !known || text != why || !errors.Is(m.Err(), io.EOF) {
			t.Fatalf("%q, %t; %v", text, known, m.Err())
		}
		select {
		case <-m.Hello():
		default:
			t.Fatal("no hello")
		}
	}
}
