package frame

import (
	"encoding/binary"
	"fmt"
	"io"
)

// A helper that a multiplexer has started has one stream for what it writes and how it ends: records, each with a
// header of OutputHeader bytes, one for its kind and three for the length of what follows, big-endian.

// Output is the kind of a record.
type Output byte

// The kinds of records.
const (
	Stdout Output = 1
	Stderr Output = 2
	// Ended is the last record: the helper's wait status of Linux, in four bytes.
	Ended Output = 3
)

// Sizes of records, in bytes.
const (
	OutputHeader = 4
	MaxOutput    = MaxSize
)

// PutOutput writes the header of a record of n bytes to b.
func PutOutput(b []byte, kind Output, n int) {
	binary.BigEndian.PutUint32(b, uint32(kind)<<24|uint32(n))
}

// SplitOutput copies what the records of a stream hold to the two writers, until the last record, and returns the wait
// status in it. The error is io.ErrUnexpectedEOF if the stream ends before that. Once a writer has failed, the rest for
// it is dropped.
func SplitOutput(from io.Reader, stdout, stderr io.Writer) (status uint32, err error) {
	const part = 16 << 10 // memory of each of many commands
	buf := make([]byte, part)
	for {
		header := buf[:OutputHeader]
		if _, err := io.ReadFull(from, header); err != nil {
			return 0, early(err)
		}
		word := binary.BigEndian.Uint32(header)
		kind, n := Output(word>>24), int(word&(1<<24-1))
		if n > MaxOutput || kind == Ended && n != 4 {
			return 0, fmt.Errorf("a record of kind %d with %d bytes", kind, n)
		}
		to := &stdout
		switch kind {
		case Stdout:
		case Stderr:
			to = &stderr
		case Ended:
			_, err := io.ReadFull(from, buf[:n])
			return binary.BigEndian.Uint32(buf), early(err)
		default:
			return 0, fmt.Errorf("a record of unknown kind %d", kind)
		}
		for n > 0 {
			b := buf[:min(n, part)]
			if _, err := io.ReadFull(from, b); err != nil {
				return 0, early(err)
			}
			if _, err := (*to).Write(b); err != nil {
				*to = io.Discard
			}
			n -= len(b)
		}
	}
}

// early returns the error of a stream that has ended before its last record.
func early(err error) error {
	if err == io.EOF { //nolint:errorlint // it is never wrapped
		return io.ErrUnexpectedEOF
	}
	return err
}
