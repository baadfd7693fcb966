package detach

import (
	"os"
	"testing"
)

// The first process ends as soon as it has read that this one is ready: that does not end this one.
func TestFirstProcessEndsWhenThisIsReady(t *testing.T) {
	stdin, holds, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer stdin.Close()
	says, stdout, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer stdout.Close()
	out := os.Stdout
	os.Stdout = stdout
	defer func() { os.Stdout = out }()
	s, noticed := &Starter{}, make(chan struct{})
	go func() {
		defer close(noticed)
		s.await(stdin, func() { t.Error("this process ends too") })
	}()
	s.mu.Lock()
	err = s.sayLast()
	if _, err := says.Read(make([]byte, 64)); err != nil {
		t.Error(err)
	}
	holds.Close()
	says.Close()
	s.mu.Unlock()
	<-noticed
	if err != nil {
		t.Error(err)
	}
	if err := s.say(message{Out: "x"}); err != nil {
		t.Error("it writes to nobody:", err)
	}
}
