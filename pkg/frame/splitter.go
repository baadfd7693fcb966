package frame

import (
	"encoding/binary"
	"io"
)

// Splitter separates the frames on the helper's standard error. Bytes that are not a frame, such as
// the message of a program that could not start, and all that follow are passed to Data unchanged.
type Splitter struct {
	// Data receives the bytes for the caller's standard error.
	Data io.Writer
	// Consumed is called with the number of bytes of standard input consumed so far.
	Consumed func(total int64)
	// Exit is called with the helper's exit status, and how many bytes it has written to standard output.
	Exit func(status int, written int64)

	rest     []byte // an incomplete frame
	unframed bool   // the rest of the stream has no frames
}

// Write processes the next bytes of the stream.
func (s *Splitter) Write(b []byte) (int, error) {
	s.rest = append(s.rest, b...)
	done, err := s.split()
	s.rest = append(s.rest[:0], s.rest[done:]...) // not for each frame: they may be of a few bytes
	return len(b), err
}

// split processes what s.rest has, and returns how much of it is done.
func (s *Splitter) split() (done int, err error) {
	for {
		f, size := s.next(s.rest[done:])
		switch {
		case s.unframed:
			_, err := s.Data.Write(s.rest[done:])
			return len(s.rest), err
		case size == 0:
			return done, nil
		}
		switch f.Kind {
		case Consumed:
			s.Consumed(f.Bytes())
		case Hello: // package engine waits for it
		case Exit:
			s.Exit(f.Ending())
		default:
			if _, err := s.Data.Write(f.Payload); err != nil {
				return done, err
			}
		}
		done += size
	}
}

// next returns the first complete frame in rest and its size with the header; 0 if it is incomplete.
func (s *Splitter) next(rest []byte) (f Frame, size int) {
	if s.unframed || len(rest) == 0 {
		return Frame{}, 0
	}
	kind := Kind(rest[0])
	s.unframed = kind != Data && kind != Consumed && kind != Hello && kind != Exit
	if s.unframed || len(rest) < headerSize {
		return Frame{}, 0
	}
	least, most, _ := kind.lengths()
	length := binary.BigEndian.Uint32(rest[1:])
	s.unframed = length < least || length > most
	if s.unframed || len(rest) < headerSize+int(length) {
		return Frame{}, 0
	}
	size = headerSize + int(length)
	return Frame{Kind: kind, Payload: rest[headerSize:size]}, size
}

// Close passes an incomplete frame to Data. Without one it does not write: even an empty write
// fails on a full disk.
func (s *Splitter) Close() error {
	if len(s.rest) == 0 {
		return nil
	}
	_, err := s.Data.Write(s.rest)
	s.rest = nil
	return err
}
