// Package frame defines the protocol on a helper's standard input and standard error if the client
// may be on another machine. It carries the command's data, and events such as signals.
//
// A frame is a header and a payload. The header is one byte for the kind and the payload's length in
// four bytes, big-endian, at most MaxSize. On standard input, from the client:
//
//	'r' request   a part of the request, which comes before all else; an empty part ends it
//	'p' programs  a part of what the request's view has beside the toolbox, which follows a request that has
//	              it; an empty part ends it
//	'd' data      bytes for the command's standard input
//	'e' end       empty: end of the command's standard input
//	'w' size      of the terminal: rows and columns, two bytes each
//	's' signal    for the command: one byte, its number on Linux
//	'u' closed    one byte: the caller's output stream, 1 or 2, whose reader has closed it
//	'a' alive     empty: the client is still there
//
// Package request defines the request. The stream may end anywhere, since the client can end at any time.
// After an end frame all frames but data may follow. On standard error, from the helper:
//
//	'd' data      bytes for the caller's standard error
//	'c' consumed  the number of bytes of standard input that the command has read so far, in
//	              eight bytes
//	'h' hello     empty: in a container that is kept, the first frame of a call
//	'x' exit      the exit status of the helper, one byte, and the number of bytes that it has
//	              written to standard output, eight bytes; the last frame
//
// The client never has more than Window bytes of unconsumed data under way. So the helper can
// buffer all of it, and no signal waits behind data that the command does not read.
package frame

import (
	"encoding/binary"
	"io"
	"time"
)

// Kind is the kind of a frame.
type Kind byte

// The kinds of frames.
const (
	Request      Kind = 'r'
	Programs     Kind = 'p'
	Data         Kind = 'd'
	End          Kind = 'e'
	Size         Kind = 'w'
	Signal       Kind = 's'
	OutputClosed Kind = 'u'
	Alive        Kind = 'a'

	Consumed Kind = 'c'
	Hello    Kind = 'h'
	Exit     Kind = 'x'
)

// MaxSize is the largest payload, in bytes.
const MaxSize = 64 << 10

// Whole is the largest payload of a frame that has MaxSize bytes with its header: what takes pipes of that size on its
// way fills them, and does not leave five bytes for another round.
const Whole = MaxSize - headerSize

// Window is the largest amount of data sent and not yet consumed, in bytes. With a round trip of
// 50 ms it allows 300 MB a second.
const Window = 16 << 20

// SmallWindow replaces Window for a client with many helpers.
const SmallWindow = 4 * MaxSize

// A client sends at least one frame in each Interval. If none arrives for Timeout, the client has
// ended, is suspended or has lost its connection.
const (
	Interval = 15 * time.Second
	Timeout  = 60 * time.Second
)

const headerSize = 5

// lengths returns the smallest and the largest length of a kind's payload.
func (k Kind) lengths() (least, most uint32, known bool) {
	switch k {
	case Request, Programs, Data:
		return 0, MaxSize, true
	case Size:
		return 4, 4, true
	case Signal, OutputClosed:
		return 1, 1, true
	case Consumed:
		return 8, 8, true
	case Exit:
		return 9, 9, true
	case End, Alive, Hello:
		return 0, 0, true
	}
	return 0, 0, false
}

// Frame is one frame.
type Frame struct {
	Kind    Kind
	Payload []byte
}

// Number returns the payload of a Signal or OutputClosed frame.
func (f Frame) Number() int { return int(f.Payload[0]) }

// Dimensions returns the payload of a Size frame.
func (f Frame) Dimensions() (rows, columns uint16) {
	return binary.BigEndian.Uint16(f.Payload), binary.BigEndian.Uint16(f.Payload[2:])
}

// Bytes returns the payload of a Consumed frame.
func (f Frame) Bytes() int64 { return int64(binary.BigEndian.Uint64(f.Payload)) }

// Ending returns the payload of an Exit frame: the exit status, and how many bytes were written to
// standard output.
func (f Frame) Ending() (status int, written int64) {
	return int(f.Payload[0]), int64(binary.BigEndian.Uint64(f.Payload[1:]))
}

// Read reads one frame. Its payload is in buf, which must have MaxSize bytes, and is valid until buf is
// used again. The error is io.EOF if the stream ends between two frames.
func Read(from io.Reader, buf []byte) (Frame, error) {
	var header [headerSize]byte
	if _, err := io.ReadFull(from, header[:]); err != nil {
		return Frame{}, err
	}
	kind, length, err := parseHeader(header[:])
	if err != nil {
		return Frame{}, err
	}
	f := Frame{Kind: kind, Payload: buf[:length]}
	if _, err := io.ReadFull(from, f.Payload); err != nil {
		return Frame{}, cutOff(err, headerSize)
	}
	return f, nil
}
