package forward_test

import (
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nsjoin/docker-nsjoin/pkg/forward"
)

// A forward that is flooded says so once, and leaves the others their share. Its clients wait, and are served later.
func TestFloodedForward(t *testing.T) {
	c, n := start(t, forward.Options{}, "0:80", "0:81", "0:82"), newNetwork()
	n.most = 96 // half of them for questions: 8 for each forward, 24 for all
	n.serve(t, "127.0.0.1:80")
	n.serve(t, "127.0.0.1:81")
	n.serve(t, "127.0.0.1:82")
	c.source.next <- n
	at := map[string]string{}
	for range 3 {
		e := c.wait(forward.Ready)
		at[e.Target] = e.Listen[0]
	}
	var flood []net.Conn
	for range 100 {
		conn, err := net.Dial("tcp", at["web:80"])
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		flood = append(flood, conn)
	}
	// 32 less those that the listeners keep: for the next one on ::1, and on the others' addresses.
	open := func() int64 { return c.session.Status()[0].Open }
	for deadline := time.Now().Add(within); open() < 20 && time.Now().Before(deadline); {
		time.Sleep(time.Millisecond)
	}
	if got := open(); got < 20 || got > 32 {
		t.Errorf("%d connections are open", got)
	}
	for _, target := range []string{"web:81", "web:82", "web:81"} {
		var own []net.Conn
		for range 4 {
			own = append(own, holds(t, at[target]))
		}
		for _, conn := range own {
			conn.Close()
		}
	}
	last := flood[len(flood)-1]
	for _, conn := range flood[:len(flood)-1] {
		conn.Close()
	}
	answers(t, last)
	saidOnce(t, c)
}

// saidOnce checks that one event has said that the first forward is full.
func saidOnce(t *testing.T, c *call) {
	t.Helper()
	said := 0
	for len(c.events) > 0 {
		e := <-c.events
		if e.Event != forward.Limited {
			continue
		}
		said++
		if e.Target != "web:80" || !strings.Contains(e.Error, "new connections have to wait: ") || !strings.Contains(e.Error, "the share of this forward in the 96 through the engine") {
			t.Errorf("%+v", e)
		}
	}
	if said != 1 {
		t.Errorf("said %d times", said)
	}
}

// holds connects, and sees that the connection is served.
func holds(t *testing.T, address string) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	answers(t, conn)
	return conn
}

func answers(t *testing.T, conn net.Conn) {
	t.Helper()
	_ = conn.SetDeadline(time.Now().Add(within))
	if _, err := conn.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Read(make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
}

// A process with few open files makes connections with fewer at a time, and holds fewer pipes.
func TestDivideFiles(t *testing.T) {
	for _, row := range []struct {
		most     uint64
		forwards int
		want     [3]int // connections, dials, pipes
		limit    string
	}{
		{0, 1, [3]int{65536, 256, 64}, "65536 that a call"},
		{1 << 20, 3, [3]int{65536, 256, 64}, "65536 that a call"},
		{20000, 1, [3]int{9554, 256, 64}, "ulimit -Hn is 20000"},
		{20892, 1, [3]int{10000, 256, 64}, "ulimit -Hn is 20892"},
		{20891, 1, [3]int{9999, 256, 64}, "ulimit -Hn is 20891"},
		{20000, 4, [3]int{8928, 157, 39}, "ulimit -Hn is 20000"},
		{256, 3, [3]int{64, 4, 1}, "ulimit -Hn is 256"},
		{64, 1, [3]int{1, 1, 1}, "ulimit -Hn is 64"},
		{20, 9, [3]int{0, 1, 1}, "ulimit -Hn is 20"},
	} {
		connections, dials, pipes, limit := forward.DivideFiles(row.most, row.forwards)
		if got := [3]int{connections, dials, pipes}; got != row.want || !strings.Contains(limit, row.limit) {
			t.Errorf("%d files, %d forwards: %d, %s", row.most, row.forwards, got, limit)
		}
		// What it comes to is in the limit, apart from what each call has at least.
		if all := 48 + row.forwards*(12+2*pipes+2*dials) + 2*connections; row.most > 200 && row.most < 1<<20 && all > int(row.most) {
			t.Errorf("%d files, %d forwards: %d open files", row.most, row.forwards, all)
		}
	}
	if got := slices.Sorted(slices.Values(forward.Rooms(10, 3))); !slices.Equal(got, []int{4, 4, 4}) {
		t.Errorf("the least shares are %d", got)
	}
}
