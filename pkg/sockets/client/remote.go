package client

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"

	"github.com/nsjoin/docker-nsjoin/pkg/attached"
	"github.com/nsjoin/docker-nsjoin/pkg/frame/streams"
	"github.com/nsjoin/docker-nsjoin/pkg/sockets"
	"github.com/nsjoin/docker-nsjoin/pkg/sockets/message"
)

// Remote is a Network whose helper, in a container of the engine, serves streams, perhaps on another machine.
type Remote struct{ *attached.Connection }

// Most returns how many connections there may be at a time; see Network.
func (r *Remote) Most() int { return streams.Limit }

// Gone is closed when the container's first process, or the helper, has ended.
func (r *Remote) Gone() <-chan struct{} { return r.Mux.Gone() }

// Err returns why; see Network.
func (r *Remote) Err() error {
	if text, said := r.Mux.WhyGone(); said {
		return whyGone(text)
	}
	return r.Mux.Err()
}

// networks are the names of networks in package net.
var networks = map[string]streams.Network{"tcp": streams.TCP, "udp": streams.UDP, "unix": streams.Unix}

// Dial connects to an address in the container; see Network.
func (r *Remote) Dial(ctx context.Context, network, address string) (net.Conn, error) {
	remote, err := addressOf(network, address)
	if err != nil {
		return nil, &net.OpError{Op: "dial", Net: network, Err: err}
	}
	failed := func(err error) error {
		return &net.OpError{Op: "dial", Net: network, Addr: remote, Err: explain("connect", err)}
	}
	s, err := r.Mux.Open(networks[network], encode(network, address))
	if err != nil {
		return nil, failed(err)
	}
	local, err := s.Opened(ctx)
	if err != nil {
		s.Close()
		return nil, failed(err)
	}
	return &conn{stream: s, network: network, local: decode(network, local), remote: remote}, nil
}

// Listen listens in the container; see Network.
func (r *Remote) Listen(ctx context.Context, network, address string) (net.Listener, error) {
	at, err := addressOf(network, address)
	kind := streams.ListenTCP
	switch network {
	case "tcp":
	case "unix":
		kind = streams.ListenUnix
	default:
		err = net.UnknownNetworkError(network)
	}
	if err != nil {
		return nil, &net.OpError{Op: "listen", Net: network, Err: err}
	}
	failed := func(err error) error {
		return &net.OpError{Op: "listen", Net: network, Addr: at, Err: explain("bind", err)}
	}
	s, err := r.Mux.Listen(kind, encode(network, address))
	if err != nil {
		return nil, failed(err)
	}
	local, err := s.Opened(ctx)
	if err != nil {
		s.Close()
		return nil, failed(err)
	}
	if network == "tcp" {
		at = decode(network, local) // with the port that the kernel has chosen
	}
	return &listener{stream: s, network: network, at: at}, nil
}

// Listening returns the container's sockets that wait for connections; see Network.
func (r *Remote) Listening(ctx context.Context) (list []sockets.Listening, err error) {
	return list, r.ask(ctx, streams.Listening, "", &list)
}

// Programs is Listening with programs; see Network.
func (r *Remote) Programs(ctx context.Context) (list []sockets.Listening, err error) {
	return list, r.ask(ctx, streams.Listening, streams.WithPrograms, &list)
}

// Names returns the container's files about names.
func (r *Remote) Names(ctx context.Context) (names message.Names, err error) {
	return names, r.ask(ctx, streams.Names, "", &names)
}

// maxAnswer is the largest answer to a question, in bytes.
const maxAnswer = 16 << 20

// ask asks the helper a question whose answer is JSON.
func (r *Remote) ask(ctx context.Context, question streams.Network, about string, answer any) error {
	s, err := r.Mux.Open(question, about)
	if err != nil {
		return explain("", err)
	}
	defer s.Close()
	if _, err := s.Opened(ctx); err != nil {
		return explain("", err)
	}
	stop := context.AfterFunc(ctx, func() { s.Reset(0) })
	defer stop()
	text, err := io.ReadAll(io.LimitReader(s, maxAnswer+1))
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case err != nil:
		return explain("", err)
	case len(text) > maxAnswer:
		return fmt.Errorf("the helper's answer is longer than %d bytes", maxAnswer)
	}
	return json.Unmarshal(text, answer)
}
