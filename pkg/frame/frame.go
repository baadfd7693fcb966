// Package frame is the form of a helper's standard input and standard error where the client
// may be on another machine: bytes of the command, and what a stream of bytes can't say.
//
// A frame is one byte for its kind, four bytes, most significant first, for the
// length of what it holds, at most MaxSize, and that. On standard input, from the client:
//
//	'd' data    bytes for the command's standard input
//	'e' end     nothing: the command's standard input ends here
//	'w' size    of the terminal: two numbers of two bytes, rows and columns
//	's' signal  for the command: one byte, its number on Linux
//	'u' unread  one byte: the caller's stream, 1 or 2, that nobody reads any more
//	'a' alive   nothing: the client is there
//
// The stream ends when the client does, at whatever place. After an end frame
// there may be all others but data. On standard error, from the helper:
//
//	'd' data    bytes for the caller's standard error
//	'c' consumed  of the command's standard input so far: eight bytes, a number of bytes
//
// The client never sends more than Window bytes of data that were not consumed yet, so that
// the helper can read on without limit, and no signal waits behind what the command does not read.
package frame

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"time"
)

// Kind is what a frame is for.
type Kind byte

// The kinds of frames.
const (
	Data         Kind = 'd'
	End          Kind = 'e'
	Size         Kind = 'w'
	Signal       Kind = 's'
	OutputClosed Kind = 'u'
	Alive        Kind = 'a'

	Consumed Kind = 'c'
)

// MaxSize bounds what a frame holds, in bytes.
const MaxSize = 64 << 10

// Window bounds the data that was sent and not consumed, in bytes. Over a link of 50 ms it is
// enough for 300 MB a second.
const Window = 16 << 20

// A client sends something every Interval. One that sent nothing for Timeout is
// gone: it was ended, suspended or cut off.
const (
	Interval = 15 * time.Second
	Timeout  = 60 * time.Second
)

const headerSize = 5

// lengths are what each kind holds at least and at most.
func (k Kind) lengths() (least, most uint32, known bool) {
	switch k {
	case Data:
		return 0, MaxSize, true
	case Size:
		return 4, 4, true
	case Signal, OutputClosed:
		return 1, 1, true
	case Consumed:
		return 8, 8, true
	case End, Alive:
		return 0, 0, true
	}
	return 0, 0, false
}

// Frame is one frame.
type Frame struct {
	Kind    Kind
	Payload []byte
}

// Number is the number of a signal, or of a stream.
func (f Frame) Number() int { return int(f.Payload[0]) }

// Dimensions are those of a terminal.
func (f Frame) Dimensions() (rows, columns uint16) {
	return binary.BigEndian.Uint16(f.Payload), binary.BigEndian.Uint16(f.Payload[2:])
}

// Bytes is the number of bytes that were consumed.
func (f Frame) Bytes() int64 { return int64(binary.BigEndian.Uint64(f.Payload)) }

// Read reads one frame. What it holds is in buf, of MaxSize bytes, until the next
// one is read. The error is io.EOF where the stream ends between two frames.
func Read(from io.Reader, buf []byte) (Frame, error) {
	var header [headerSize]byte
	if _, err := io.ReadFull(from, header[:]); err != nil {
		return Frame{}, err
	}
	kind, length := Kind(header[0]), binary.BigEndian.Uint32(header[1:])
	least, most, known := kind.lengths()
	if !known {
		return Frame{}, fmt.Errorf("frame of unknown kind %#x", header[0])
	}
	if length < least || length > most {
		return Frame{}, fmt.Errorf("frame of kind %c with %d bytes", header[0], length)
	}
	f := Frame{Kind: kind, Payload: buf[:length]}
	if _, err := io.ReadFull(from, f.Payload); err != nil {
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return Frame{}, err
	}
	return f, nil
}
