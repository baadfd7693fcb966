package frame

import (
	"errors"
	"fmt"
	"io"
)

// RequestReader reads the request with which a stream of frames begins, or the programs that follow it, and nothing
// beyond it.
type RequestReader struct {
	from io.Reader
	kind Kind
	buf  [MaxSize]byte
	rest []byte // of the last frame
	done bool
}

// NewRequestReader returns a RequestReader of a stream.
func NewRequestReader(from io.Reader) *RequestReader {
	return &RequestReader{from: from, kind: Request}
}

// NewProgramsReader returns a RequestReader of the programs in a stream.
func NewProgramsReader(from io.Reader) *RequestReader {
	return &RequestReader{from: from, kind: Programs}
}

// Read returns io.EOF at the end of the request, and io.ErrUnexpectedEOF if the stream ends earlier; io.Reader.
func (r *RequestReader) Read(b []byte) (int, error) {
	for len(r.rest) == 0 {
		if r.done {
			return 0, io.EOF
		}
		f, err := Read(r.from, r.buf[:])
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		if err == nil && f.Kind != r.kind {
			err = fmt.Errorf("frame of kind %c before the end of the request", f.Kind)
		}
		if err != nil {
			return 0, err
		}
		r.rest, r.done = f.Payload, len(f.Payload) == 0
	}
	n := copy(b, r.rest)
	r.rest = r.rest[n:]
	return n, nil
}
