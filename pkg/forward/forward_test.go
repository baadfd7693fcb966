package forward_test

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/nsjoin/docker-nsjoin/pkg/forward"
	"github.com/nsjoin/docker-nsjoin/pkg/forward/listen"
	"github.com/nsjoin/docker-nsjoin/pkg/leaktest"
	"github.com/nsjoin/docker-nsjoin/pkg/sockets/client"
)

func TestMain(m *testing.M) { os.Exit(leaktest.Run(m)) }

func TestForward(t *testing.T) {
	c, n := start(t, forward.Options{}, "0:80", "0:db:5432"), newNetwork()
	n.serve(t, "127.0.0.1:80")
	n.serve(t, "10.0.0.8:5432")
	c.source.next <- n
	ready := map[string]forward.Event{}
	for range 2 {
		e := c.wait(forward.Ready)
		ready[e.Target] = e
	}
	<-c.started
	for _, target := range []string{"web:80", "web:db:5432"} {
		e := ready[target]
		if !strings.HasPrefix(e.Text(), "127.0.0.1:") || !strings.HasSuffix(e.Text(), " -> "+target) || strings.Contains(e.Text(), ",") || e.Container != "web" || e.ContainerID != "id" {
			t.Errorf("%s: %s, %+v", target, e.Text(), e)
		}
		for _, address := range e.Listen {
			echoes(t, address)
			if done := c.wait(forward.Connection); done.Sent != 5 || done.Received != 5 || done.Error != "" || done.Peer == "" {
				t.Errorf("%+v", done)
			}
		}
	}
	for _, s := range c.session.Status() {
		if s.Total == 0 || s.Open != 0 || s.Sent != 5*s.Total || s.State != forward.Ready {
			t.Errorf("%+v", s)
		}
	}
	c.cancel(errCancelled)
	if err := c.end(); !errors.Is(err, errCancelled) {
		t.Error(err)
	}
	if !n.closed {
		t.Error("the network is open")
	}
}

func TestAddressThatIsNotLoopback(t *testing.T) {
	c, n := start(t, forward.Options{}, "0:80"), newNetwork()
	n.serve(t, "172.17.0.2:80")
	c.source.next <- n
	echoes(t, c.wait(forward.Ready).Listen[0])
}

// The listener is closed while the container does not listen.
func TestPortThatIsNotListening(t *testing.T) {
	c, n := start(t, forward.Options{}, "0:80"), newNetwork()
	c.source.next <- n
	<-c.started
	if len(c.events) == 0 {
		t.Fatal("it has started without a word")
	}
	waits := c.wait(forward.Waiting)
	isClosed(t, waits.Listen[0])
	stop := n.serve(t, "127.0.0.1:80")
	ready := c.wait(forward.Ready)
	if ready.Listen[0] != waits.Listen[0] {
		t.Errorf("%s, then %s", waits.Listen[0], ready.Listen[0])
	}
	echoes(t, ready.Listen[0])
	stop()
	isReset(t, ready.Listen[0])
	if e := c.wait(forward.Connection); e.Sent == 5 {
		e = c.wait(forward.Connection)
		if !strings.Contains(e.Error, "refused") {
			t.Errorf("%+v", e)
		}
	}
	c.wait(forward.Waiting)
	isClosed(t, ready.Listen[0])
	n.serve(t, "127.0.0.1:80")
	echoes(t, c.wait(forward.Ready).Listen[0])
}

// A refusal of another host resets the client, and nothing else.
func TestTargetThatRefuses(t *testing.T) {
	c, n := start(t, forward.Options{}, "0:db:5432", "0:nosuch:1"), newNetwork()
	c.source.next <- n
	addresses := []string{c.wait(forward.Ready).Listen[0], c.wait(forward.Ready).Listen[0]}
	for range 2 {
		for _, address := range addresses {
			isReset(t, address)
		}
	}
	n.serve(t, "10.0.0.7:5432")
	for _, s := range c.session.Status() {
		if s.Target == "web:db:5432" {
			echoes(t, s.Listen[0])
		}
	}
}

func TestRestart(t *testing.T) {
	c, n := start(t, forward.Options{}, "0:80"), newNetwork()
	n.serve(t, "127.0.0.1:80")
	c.source.next <- n
	ready := c.wait(forward.Ready)
	conn, err := net.Dial("tcp", ready.Listen[0])
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Read(make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	close(n.gone)
	c.wait(forward.Stopped)
	if e := c.wait(forward.Connection); e.Error != "closed with its forward" { // the server did not end it
		t.Errorf("%+v", e)
	}
	isClosed(t, ready.Listen[0])
	_ = conn.SetReadDeadline(time.Now().Add(within))
	if _, err := conn.Read(make([]byte, 1)); err == nil || errors.Is(err, syscall.ETIMEDOUT) {
		t.Errorf("an open connection: %v", err)
	}
	again := newNetwork()
	again.serve(t, "127.0.0.1:80")
	c.source.next <- again
	c.wait(forward.Running)
	if e := c.wait(forward.Ready); e.Listen[0] != ready.Listen[0] {
		t.Errorf("%s, then %s", ready.Listen[0], e.Listen[0])
	}
	echoes(t, ready.Listen[0])
	close(again.gone)
	close(c.source.next)
	if c.wait(forward.Stopped); !errors.Is(c.end(), forward.ErrRemoved) {
		t.Error("a removed container")
	}
}

func TestUntilStop(t *testing.T) {
	c, n := start(t, forward.Options{UntilStop: true}, "0:80"), newNetwork()
	n.serve(t, "127.0.0.1:80")
	c.source.next <- n
	c.wait(forward.Ready)
	close(n.gone)
	if err := c.end(); err != nil {
		t.Error(err)
	}
}

func TestWait(t *testing.T) {
	c, n := start(t, forward.Options{Wait: true}, "0:80", "0:db:1"), newNetwork()
	c.source.next <- n
	n.serve(t, "127.0.0.1:80")
	c.wait(forward.Ready)
	select {
	case <-c.started:
		t.Error("it has started before both ports listen")
	case <-time.After(50 * time.Millisecond):
	}
	n.serve(t, "10.0.0.7:1")
	c.wait(forward.Ready)
	<-c.started
}

// A port that is taken ends all, and is named.
func TestPortInUse(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	c, n := start(t, forward.Options{}, "0:80", strings.TrimPrefix(l.Addr().String(), "127.0.0.1:")+":80"), newNetwork()
	n.serve(t, "127.0.0.1:80")
	c.source.next <- n
	if err := c.end(); err == nil || !listen.IsInUse(err) || !strings.Contains(err.Error(), "listen on "+l.Addr().String()) {
		t.Error(err)
	}
}

func TestReverse(t *testing.T) {
	here, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer here.Close()
	c, n := start(t, forward.Options{}, "-R127.0.0.1:0:"+"localhost:"+strings.TrimPrefix(here.Addr().String(), "127.0.0.1:")), newNetwork()
	c.source.next <- n
	if e := c.wait(forward.Ready); !strings.HasPrefix(e.Text(), "web:127.0.0.1:") {
		t.Error(e.Text())
	}
	conn, err := net.Dial("tcp", n.inside[0].Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	accepted, err := here.Accept()
	if err != nil {
		t.Fatal(err)
	}
	accepted.Close()
	here.Close()
	isReset(t, n.inside[0].Addr().String())
}

// Ending one forward leaves the others; ending the last one ends the call.
func TestEnd(t *testing.T) {
	c, n := start(t, forward.Options{}, "0:80", "0:80"), newNetwork()
	n.serve(t, "127.0.0.1:80")
	c.source.next <- n
	first, second := c.wait(forward.Ready), c.wait(forward.Ready)
	conn, err := net.Dial("tcp", first.Listen[0])
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	c.session.End([]string{first.ID, "nosuch"})
	isClosed(t, first.Listen[0])
	if _, err := conn.Read(make([]byte, 1)); err == nil {
		t.Error("a connection of the ended forward goes on")
	}
	echoes(t, second.Listen[0])
	if s := c.session.Status(); len(s) != 1 || s[0].ID != second.ID {
		t.Errorf("%+v", s)
	}
	c.session.End([]string{second.ID})
	if err := c.end(); err != nil {
		t.Error(err)
	}
}

func TestText(t *testing.T) {
	for want, s := range map[string]forward.Status{
		"127.0.0.1:80 -> web:80":               {Listen: []string{"127.0.0.1:80", "[::1]:80"}, Target: "web:80"},
		"[::1]:80 -> web:80":                   {Listen: []string{"[::1]:80"}, Target: "web:80"},
		"0.0.0.0:80, [::]:80 -> web:80":        {Listen: []string{"0.0.0.0:80", "[::]:80"}, Target: "web:80"},
		"127.0.0.1:1080 -> web (SOCKS5)":       {Listen: []string{"127.0.0.1:1080"}, Target: "web", Proxy: true},
		"web:127.0.0.1:5432 -> localhost:5432": {Listen: []string{"127.0.0.1:5432", "[::1]:5432"}, Target: "localhost:5432", Reverse: true},
		"/tmp/s -> web:/run/s":                 {Listen: []string{"/tmp/s"}, Target: "web:/run/s"},
	} {
		s.Container = "web"
		if got := s.Text(); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}

// A forward that waits for its start does not keep the call when it is ended, or when its container is removed.
func TestEndBeforeTheStart(t *testing.T) {
	c := start(t, forward.Options{Wait: true}, "0:80", "0:81") // the container does not exist
	for _, s := range c.session.Status() {
		c.session.End([]string{s.ID})
	}
	if err := c.end(); err != nil {
		t.Error(err)
	}
	c, n := start(t, forward.Options{Wait: true}, "0:80"), newNetwork() // the port does not listen
	c.source.next <- n
	close(n.gone)
	close(c.source.next)
	if err := c.end(); !errors.Is(err, forward.ErrRemoved) {
		t.Error(err)
	}
	select {
	case <-c.started:
		t.Error("it has started without its container")
	default:
	}
}

// A forward that was ended does not keep the others from starting.
func TestEndOneBeforeTheStart(t *testing.T) {
	c, n := start(t, forward.Options{Wait: true}, "0:80", "0:81"), newNetwork()
	c.session.End([]string{c.session.Status()[1].ID})
	n.serve(t, "127.0.0.1:80")
	c.source.next <- n
	c.wait(forward.Ready)
	select {
	case <-c.started:
	case <-time.After(within):
		t.Error("it does not start")
	}
}

// A helper that is lost is no end of the container: the forward goes on, also with --until-stop.
func TestLostHelper(t *testing.T) {
	c, n := start(t, forward.Options{UntilStop: true}, "0:80"), newNetwork()
	n.serve(t, "127.0.0.1:80")
	c.source.next <- n
	ready := c.wait(forward.Ready)
	n.why = errors.New("no answer")
	close(n.gone)
	if e := c.wait(forward.Lost); e.Error != "no answer" {
		t.Errorf("%+v", e)
	}
	if s := c.session.Status(); len(s) != 1 || s[0].State != forward.Lost {
		t.Errorf("%+v", s)
	}
	again := newNetwork()
	again.serve(t, "127.0.0.1:80")
	c.source.next <- again
	c.wait(forward.Reached)
	if e := c.wait(forward.Ready); e.Listen[0] != ready.Listen[0] {
		t.Errorf("%s, then %s", ready.Listen[0], e.Listen[0])
	}
	close(again.gone)
	if c.wait(forward.Stopped); c.end() != nil {
		t.Error("the container has stopped")
	}
}

// A container that attacks is not opened again.
func TestAttack(t *testing.T) {
	c, n := start(t, forward.Options{}, "0:80"), newNetwork()
	n.serve(t, "127.0.0.1:80")
	c.source.next <- n
	c.wait(forward.Ready)
	n.why = &client.RefusedError{Why: "an attack"}
	close(n.gone)
	if e := c.wait(forward.Attacked); e.Error != "an attack" {
		t.Errorf("%+v", e)
	}
	if _, attacked := errors.AsType[*forward.AttackError](c.end()); !attacked {
		t.Error("it ends for another reason")
	}
}

// Each limit is reported once for the call, as what it is.
func TestLimitsAreNamed(t *testing.T) {
	c, n := start(t, forward.Options{}, "0:db:1"), newNetwork()
	c.source.next <- n
	at := c.wait(forward.Ready).Listen[0]
	for _, row := range []struct {
		err  error
		want string
	}{{client.ErrLimit, "4096"}, {syscall.EMFILE, "ulimit -Hn"}, {syscall.ENFILE, "file-max"}} {
		n.fail(fmt.Errorf("connect: %w", row.err))
		isReset(t, at)
		if e := c.wait(forward.Limited); !strings.Contains(e.Error, row.want) {
			t.Errorf("%v: %s", row.err, e.Error)
		}
		c.wait(forward.Connection)
		isReset(t, at)
		if e := <-c.events; e.Event != forward.Connection {
			t.Errorf("twice: %+v", e)
		}
	}
}

// --wait goes on while it may help, says why, and ends with an error that lasts.
func TestWaitEndsWithAnErrorThatLasts(t *testing.T) {
	c, n := start(t, forward.Options{Wait: true}, "8080:nosuch:1"), newNetwork()
	if s := c.session.Status(); len(s) != 1 || s[0].Text() != "127.0.0.1:8080 -> web:nosuch:1" {
		t.Errorf("before it listens: %+v", s)
	}
	c.source.next <- n
	if e := c.wait(forward.Unreachable); !strings.Contains(e.Error, "nosuch") {
		t.Errorf("%+v", e)
	}
	c, n = start(t, forward.Options{Wait: true}, "0:db:1"), newNetwork()
	n.fail(errors.New("no such user"))
	c.source.next <- n
	if err := c.end(); err == nil || err.Error() != "connect to web:db:1: no such user" {
		t.Error(err)
	}
}
