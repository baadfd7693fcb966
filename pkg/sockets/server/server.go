//go:build linux

// Package server serves a client's streams (package frame/streams) with sockets in a running container. It runs in a
// helper in a container of the engine, and does not import package net, which would enlarge the helper.
package server

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/pkg/frame/streams"
	"github.com/nsjoin/docker-nsjoin/pkg/sockets/message"
)

// Dialer makes sockets in a container; see package dialer.
type Dialer interface {
	Socket(family, typ, protocol int) (fd int, err error)
	ConnectUnix(path string, typ int) (fd int, err error)
	ListenUnix(path string, typ int) (fd int, remove func(), err error)
	WriteUnix(fd int, data []byte) (n int, err error)
	Listening(programs bool) ([]message.Waiting, error)
	Names() message.Names
	// Ended is closed when nothing more is served. Err then says why: nil if the container has ended.
	Ended() <-chan struct{}
	Err() error
}

// Times.
const (
	connectTimeout = time.Minute     // how long connect(2) may take
	closeTimeout   = time.Minute     // how long the container may take to read what a client sent before it closed
	endTimeout     = 5 * time.Second // how long connections may take to end after the container has
)

// Serve serves the client whose frames come from in, until the client or d has ended, and sends frames to out. If d has ended
// with an error, the client is told, and Serve returns it. warn is called with a line for the user.
func Serve(d Dialer, in io.Reader, out io.Writer, warn func(text string)) error {
	s := &server{dialer: d, stop: make(chan struct{}), warn: warn}
	s.buffers.New = func() any { return new(streams.Buffer) }
	s.mux = streams.New(streams.Config{Role: streams.Helper, To: out, Serve: s.serve, AtLimit: func() {
		go warn(fmt.Sprintf("more than %d connections at a time: the others are refused", streams.Limit))
	}})
	go func() { _ = s.mux.Feed(in) }()
	select {
	case <-s.mux.Done(): // the client has ended
		// What the client had sent to connections that it has closed is delivered. The whole time passes if nobody reads out any
		// more while a relay writes to it.
		s.mux.WaitServed(endTimeout)
		if err := s.mux.Err(); !errors.Is(err, io.EOF) {
			return err
		}
		return nil
	case <-d.Ended():
	}
	why := ""
	if err := d.Err(); err != nil {
		why = err.Error()
	}
	s.mux.SayGone(why)
	close(s.stop)
	for deadline := time.Now().Add(endTimeout); s.mux.Streams() > 0 && time.Now().Before(deadline); {
		time.Sleep(10 * time.Millisecond)
	}
	s.mux.Wait()
	s.mux.End(io.EOF)
	return d.Err()
}

type server struct {
	dialer  Dialer
	mux     *streams.Mux
	buffers sync.Pool     // *streams.Buffer
	stop    chan struct{} // closed when the container has ended
	warn    func(text string)
	failing sync.Once // to accept connections
}

// serve serves one stream.
func (s *server) serve(stream *streams.Stream) {
	select {
	case <-s.stop:
		stream.Refuse(int(unix.ENETDOWN), "the container has ended")
		return
	default:
	}
	var err error
	switch stream.Network() {
	case streams.TCP, streams.UDP, streams.Unix:
		err = s.connect(stream)
	case streams.ListenTCP, streams.ListenUnix:
		err = s.listen(stream)
	case streams.Listening:
		var list []message.Waiting
		if list, err = s.dialer.Listening(stream.Address() == streams.WithPrograms); err == nil {
			err = answer(stream, list)
		}
	case streams.Names:
		err = answer(stream, s.dialer.Names())
	case streams.Accepted, streams.Command:
		err = unix.EINVAL
	}
	if err == nil {
		return
	}
	select {
	case <-s.dialer.Ended():
		select {
		case <-s.stop: // the client first learns that
		case <-s.mux.Done(): // the client has ended as well: Serve may have noticed that alone
		}
	default:
	}
	refuse(stream, err)
}

// refuse tells the client why a stream can't be opened.
func refuse(stream *streams.Stream, err error) {
	errno, _ := errors.AsType[unix.Errno](err)
	stream.Refuse(int(errno), err.Error())
}

// answer answers a question.
func answer(stream *streams.Stream, value any) error {
	text, err := json.Marshal(value)
	if err != nil {
		return err
	}
	stream.Accept("")
	_, _ = stream.Write(text)
	return stream.Close()
}
