package frame

import (
	"encoding/binary"
	"io"
)

// Splitter takes the helper's standard error apart. What is no frame, such as the last words
// of a program that could not start, is given to Data as it is, and so is all that follows.
type Splitter struct {
	// Data takes what is for the caller's standard error.
	Data io.Writer
	// Consumed is called with the number of bytes of the input that were consumed so far.
	Consumed func(total int64)

	rest    []byte // the beginning of a frame that is not complete
	foreign bool   // what follows is no frame
}

// Write takes the next bytes of the stream; io.Writer.
func (s *Splitter) Write(b []byte) (int, error) {
	s.rest = append(s.rest, b...)
	for {
		f, size := s.next()
		switch {
		case s.foreign:
			_, err := s.Data.Write(s.rest)
			s.rest = s.rest[:0]
			return len(b), err
		case size == 0:
			return len(b), nil
		}
		if f.Kind == Consumed {
			s.Consumed(f.Bytes())
		} else if _, err := s.Data.Write(f.Payload); err != nil {
			return len(b), err
		}
		s.rest = append(s.rest[:0], s.rest[size:]...)
	}
}

// next is the first whole frame of the rest and its size with its header, 0 where more must come.
func (s *Splitter) next() (f Frame, size int) {
	if s.foreign || len(s.rest) == 0 {
		return Frame{}, 0
	}
	kind := Kind(s.rest[0])
	s.foreign = kind != Data && kind != Consumed
	if s.foreign || len(s.rest) < headerSize {
		return Frame{}, 0
	}
	least, most, _ := kind.lengths()
	length := binary.BigEndian.Uint32(s.rest[1:])
	s.foreign = length < least || length > most
	if s.foreign || len(s.rest) < headerSize+int(length) {
		return Frame{}, 0
	}
	size = headerSize + int(length)
	return Frame{Kind: kind, Payload: s.rest[headerSize:size]}, size
}

// Close gives the beginning of a frame that never came to Data, and writes nothing where there is
// none: that fails on a full disk.
func (s *Splitter) Close() error {
	if len(s.rest) == 0 {
		return nil
	}
	_, err := s.Data.Write(s.rest)
	s.rest = nil
	return err
}
