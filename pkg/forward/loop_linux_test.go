package forward_test

import (
	"context"
	"errors"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/nsjoin/docker-nsjoin/pkg/forward"
	"github.com/nsjoin/docker-nsjoin/pkg/sockets"
)

// here is the network of this process, as of a container with --network host.
type here struct{ *network }

func (h *here) Listening(context.Context) ([]sockets.Listening, error) {
	table, err := os.ReadFile("/proc/self/net/tcp")
	var list []sockets.Listening
	for line := range strings.Lines(string(table)) {
		words := strings.Fields(line)
		_, port, ok := strings.Cut(words[1], ":")
		if !ok || words[3] != "0A" {
			continue
		}
		number, _ := strconv.ParseUint(port, 16, 16)
		inode, _ := strconv.ParseUint(words[9], 10, 64)
		at := netip.AddrPortFrom(netip.IPv4Unspecified(), uint16(number))
		list = append(list, sockets.Listening{Network: "tcp", Address: at, Inode: inode})
	}
	return list, err
}

// A forward to the port that it listens on itself is refused: one connection would make others without end.
func TestLoop(t *testing.T) {
	for name, at := range map[string]string{"own": "", "localhost": "localhost:", "an address": "127.0.0.1:"} {
		for _, reverse := range []string{"", "-R"} {
			c := start(t, forward.Options{}, reverse+"127.0.0.1:18080:"+at+"18080")
			n := newNetwork()
			n.inPlace = &here{n}
			c.source.next <- n
			if loop, ok := errors.AsType[*forward.LoopError](c.end()); !ok || loop.Port != 18080 {
				t.Errorf("%s %s: %v", name, reverse, loop)
			}
		}
	}
}

// So is one whose container was replaced by another one with the network of this machine: the forward keeps its port meanwhile.
func TestLoopLater(t *testing.T) {
	c, n := start(t, forward.Options{}, "127.0.0.1:18081:18081"), newNetwork()
	n.serve(t, "127.0.0.1:18081")
	c.source.next <- n
	c.wait(forward.Ready)
	close(n.gone)
	again := newNetwork()
	again.inPlace = &here{again}
	c.source.next <- again
	c.wait(forward.Running)
	for {
		switch e := <-c.events; e.Event {
		case forward.Failing:
			if want := (&forward.LoopError{Container: "web", Port: 18081}).Error(); e.Error != want {
				t.Errorf("%s, want %s", e.Error, want)
			}
			return
		case forward.Ready:
			t.Fatal("it leads to itself")
		}
	}
}

// Two forwards that lead to each other are refused, in one call and in two.
func TestFacing(t *testing.T) {
	inPlace := func() *network {
		n := newNetwork()
		n.inPlace = &here{n}
		return n
	}
	for _, words := range [][]string{
		{"127.0.0.1:18082:18083", "-R18083:localhost:18082"},
		{"127.0.0.1:18082:127.0.0.1:18083", "-R127.0.0.1:18083:127.0.0.1:18082"},
	} {
		for i, word := range words {
			first := start(t, forward.Options{}, words[1-i])
			first.source.next <- inPlace()
			if e := <-first.events; e.Event != forward.Ready && e.Event != forward.Waiting {
				t.Fatalf("%s: %s %s", words[1-i], e.Event, e.Error)
			}
			second := start(t, forward.Options{Others: func(context.Context) []forward.Status { return first.session.Status() }}, word)
			second.source.next <- inPlace()
			if err, ok := errors.AsType[*forward.FacingError](second.end()); !ok || err.ID != first.session.Status()[0].ID {
				t.Errorf("%s: %v", words, err)
			}
			first.cancel(errCancelled)
			_ = first.end()
		}
		both := start(t, forward.Options{}, words...)
		both.source.next <- inPlace()
		if err, ok := errors.AsType[*forward.FacingError](both.end()); !ok || err.ID != "" {
			t.Errorf("%s in one call: %v", words, err)
		}
	}
	beside := start(t, forward.Options{}, "127.0.0.1:18082:18083", "-R18083:127.0.0.2:18082", "-R18084:localhost:18082",
		// What listens on 127.0.0.1 is asked before other addresses.
		"127.0.0.1:18085:18086", "-R127.0.0.2:18086:localhost:18085")
	beside.source.next <- inPlace()
	for range 4 {
		beside.wait(forward.Ready)
	}
	if list := beside.session.Status(); len(list) != 5 || forward.Facing(&list[3], &list[4]) {
		t.Errorf("%+v", list)
	}
	beside.cancel(errCancelled)
	_ = beside.end()
}

// Only forwards that certainly lead to each other are refused.
func TestFacingIsCertain(t *testing.T) {
	for _, row := range []struct {
		listens, reaches string // of the forward
		there, back      string // of the one with -R
		want             bool
	}{
		{"127.0.0.1:1", "127.0.0.1:2", "127.0.0.1:2", "127.0.0.1:1", true},
		{"0.0.0.0:1", "127.0.0.1:2", "0.0.0.0:2", "127.0.0.1:1", true},
		{"[::]:1", "[::1]:2", "[::1]:2", "[::1]:1", true},
		{"127.0.0.1:1", "127.0.0.1:2", "172.17.0.2:2", "127.0.0.1:1", false},
		{"[::1]:1", "127.0.0.1:2", "127.0.0.1:2", "127.0.0.1:1", false},
		{"0.0.0.0:1", "127.0.0.1:2", "127.0.0.1:2", "[::1]:1", false}, // each socket has one family
		{"[::]:1", "127.0.0.1:2", "127.0.0.1:2", "127.0.0.1:1", false},
		{"/here", "/there", "/there", "/here", true},
	} {
		a := &forward.Status{ContainerID: "0f", Listen: []string{row.listens}, Reaches: []string{row.reaches}}
		b := &forward.Status{ContainerID: "0f", Listen: []string{row.there}, Reaches: []string{row.back}, Reverse: true}
		if one, two := forward.Facing(a, b), forward.Facing(b, a); one != row.want || two != row.want {
			t.Errorf("%+v: %t, the other way round %t", row, one, two)
		}
	}
}

// A forward that listens elsewhere, or no more, faces no other where it listened before.
func TestClaims(t *testing.T) {
	var c forward.Claims
	here := func(port string) *forward.Status {
		return &forward.Status{ID: "here", ContainerID: "0f", Listen: []string{"127.0.0.1:" + port}, Reaches: []string{"127.0.0.1:9"}}
	}
	there := func(id, back string) *forward.Status {
		return &forward.Status{ID: id, ContainerID: "0f", Listen: []string{"127.0.0.1:9"}, Reaches: []string{"127.0.0.1:" + back}, Reverse: true}
	}
	first, second := here("1"), here("2")
	if other := c.Claim(first); other != nil {
		t.Error(other)
	}
	if other := c.Claim(there("a", "1")); other != first {
		t.Error(other)
	}
	if other := c.Claim(second); other != nil {
		t.Error(other)
	}
	if other := c.Claim(there("a", "1")); other != nil {
		t.Error(other)
	}
	if other := c.Claim(there("b", "2")); other != second {
		t.Error(other)
	}
	c.Release("here")
	if other := c.Claim(there("b", "2")); other != nil {
		t.Error(other)
	}
	if other := c.Claim(here("2")); other == nil || other.ID != "b" {
		t.Error(other)
	}
}
