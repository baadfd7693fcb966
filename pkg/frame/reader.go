package frame

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// Reader reads frames from a stream, as many bytes at a time as there are, and copies none of them.
type Reader struct {
	from *bufio.Reader
	size int // of the last frame
}

// NewReader returns a Reader of a stream. It may read beyond a frame.
func NewReader(from io.Reader) *Reader {
	const frames = 4 // at a time
	return &Reader{from: bufio.NewReaderSize(from, frames*(headerSize+MaxSize))}
}

// Next returns the next frame. Its payload is valid until the next call. The error is io.EOF if the stream ends between
// two frames.
func (r *Reader) Next() (Frame, error) {
	if _, err := r.from.Discard(r.size); err != nil {
		return Frame{}, err
	}
	r.size = 0
	header, err := r.from.Peek(headerSize)
	if err != nil {
		return Frame{}, cutOff(err, len(header))
	}
	kind, length, err := parseHeader(header)
	if err != nil {
		return Frame{}, err
	}
	whole, err := r.from.Peek(headerSize + length)
	if err != nil {
		return Frame{}, cutOff(err, len(whole))
	}
	r.size = len(whole)
	return Frame{Kind: kind, Payload: whole[headerSize:]}, nil
}

// cutOff returns the error of a stream that ended or failed after the first n bytes of a frame.
func cutOff(err error, n int) error {
	if n > 0 && errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// parseHeader returns the kind of a frame and the length of its payload.
func parseHeader(header []byte) (kind Kind, length int, err error) {
	kind = Kind(header[0])
	size := binary.BigEndian.Uint32(header[1:])
	least, most, known := kind.lengths()
	if !known {
		return 0, 0, fmt.Errorf("frame of unknown kind %#x", header[0])
	}
	if size < least || size > most {
		return 0, 0, fmt.Errorf("frame of kind %c with %d bytes", header[0], size)
	}
	return kind, int(size), nil
}
