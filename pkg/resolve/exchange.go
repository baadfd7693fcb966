package resolve

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"strings"
	"time"

	"golang.org/x/net/dns/dnsmessage"
)

// serverError is an answer that says that the server has failed.
type serverError struct{ code dnsmessage.RCode }

func (e *serverError) Error() string {
	return "the server answers " + strings.TrimPrefix(e.code.String(), "RCode")
}

// patience is how long addresses of version 6 are waited for if there are some of version 4.
const patience = time.Second

var (
	errTimeout = errors.New("no answer in time")
	errGarbage = errors.New("the server's answers are not valid")
)

// ask asks for the addresses of a name, of both versions at the same time. No addresses and no error mean that there are
// none.
func (r *Resolver) ask(ctx context.Context, name string) ([]netip.Addr, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	type answer struct {
		found []netip.Addr
		err   error
	}
	start := func(t dnsmessage.Type) chan answer {
		answered := make(chan answer, 1)
		go func() {
			found, err := r.askServers(ctx, name, t)
			answered <- answer{found, err}
		}()
		return answered
	}
	four, six := start(dnsmessage.TypeA), start(dnsmessage.TypeAAAA)
	a := <-four
	if len(a.found) > 0 { // some servers never answer a question about version 6
		defer time.AfterFunc(patience, cancel).Stop()
	}
	b := <-six
	found := append(a.found, b.found...)
	if a.err == nil {
		a.err = b.err
	}
	return found[:min(len(found), mostAddresses)], a.err
}

// askServers asks one server after the other, as often as resolv.conf says.
func (r *Resolver) askServers(ctx context.Context, name string, t dnsmessage.Type) ([]netip.Addr, error) {
	first := 0
	if r.conf.rotate {
		first = int(r.turn.Add(1) / 2) // both versions ask the same one
	}
	var failure error
	for range r.conf.attempts {
		for i := range r.conf.servers {
			server := netip.AddrPortFrom(r.conf.servers[(first+i)%len(r.conf.servers)], 53).String()
			found, err := r.askServer(ctx, server, name, t)
			if err == nil {
				return found, nil
			}
			if answered := (*serverError)(nil); failure == nil || errors.As(err, &answered) {
				failure = fmt.Errorf("ask %s: %w", server, err)
			}
			if ctx.Err() != nil {
				return nil, failure
			}
		}
	}
	return nil, failure
}

// askServer asks one server by UDP, and by TCP if the answer was too long.
func (r *Resolver) askServer(ctx context.Context, server, name string, t dnsmessage.Type) ([]netip.Addr, error) {
	ctx, cancel := context.WithTimeout(ctx, r.conf.timeout)
	defer cancel()
	q, err := newQuestion(name, t)
	if err != nil {
		return nil, err
	}
	for _, network := range []string{"udp", "tcp"} {
		found, truncated, err := r.exchange(ctx, network, server, q)
		if !truncated || err != nil {
			return found, err
		}
	}
	return nil, errGarbage
}

// exchange sends a question and reads its answer.
func (r *Resolver) exchange(ctx context.Context, network, server string, q *question) (found []netip.Addr, truncated bool, err error) {
	conn, err := r.dial(ctx, network, server)
	if err != nil {
		return nil, false, err
	}
	defer func() { _ = conn.Close() }()
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	framed := network == "tcp"
	message := q.message
	if framed {
		message = append(binary.BigEndian.AppendUint16(nil, uint16(len(message))), message...)
	}
	if _, err := conn.Write(message); err != nil {
		return nil, false, timedOut(ctx, err)
	}
	buffer := make([]byte, mostAnswer)
	const most = 100 // messages that are not the answer
	for range most {
		n, err := receive(conn, buffer, framed)
		if err != nil {
			return nil, false, timedOut(ctx, err)
		}
		if q.isAnswer(buffer[:n]) {
			return q.read(buffer[:n])
		}
		if framed {
			break
		}
	}
	return nil, false, errGarbage
}

// mostAnswer limits a message, in bytes. One of TCP cannot be longer.
const mostAnswer = 1<<16 - 1

// receive reads a message.
func receive(conn net.Conn, buffer []byte, framed bool) (n int, err error) {
	if !framed {
		return conn.Read(buffer)
	}
	var length [2]byte
	if _, err := io.ReadFull(conn, length[:]); err != nil {
		return 0, err
	}
	return io.ReadFull(conn, buffer[:binary.BigEndian.Uint16(length[:])])
}

func timedOut(ctx context.Context, err error) error {
	if errors.Is(err, os.ErrDeadlineExceeded) && errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return errTimeout
	}
	return err
}
