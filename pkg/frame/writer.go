package frame

import (
	"encoding/binary"
	"io"
	"sync"
)

// Writer writes frames, each with a single Write. It is safe for concurrent use.
type Writer struct {
	mu  sync.Mutex
	to  io.Writer
	buf [headerSize + MaxSize]byte
}

// NewWriter returns a Writer to a stream.
func NewWriter(to io.Writer) *Writer { return &Writer{to: to} }

// Write writes data frames.
func (w *Writer) Write(data []byte) (int, error) {
	written := 0
	for len(data) > written {
		part := data[written:min(len(data), written+MaxSize)]
		if err := w.send(Data, part); err != nil {
			return written, err
		}
		written += len(part)
	}
	return written, nil
}

// End sends the end of the command's standard input.
func (w *Writer) End() error { return w.send(End, nil) }

// Alive tells the helper that the client is still there.
func (w *Writer) Alive() error { return w.send(Alive, nil) }

// Signal sends a signal by its number on Linux, 1 to 64.
func (w *Writer) Signal(number int) error { return w.send(Signal, []byte{byte(number)}) }

// OutputClosed tells the helper that the reader of the caller's stream, 1 or 2, has closed it.
func (w *Writer) OutputClosed(stream int) error { return w.send(OutputClosed, []byte{byte(stream)}) }

// Size sends the terminal's size.
func (w *Writer) Size(rows, columns uint16) error {
	var b [4]byte
	binary.BigEndian.PutUint16(b[:], rows)
	binary.BigEndian.PutUint16(b[2:], columns)
	return w.send(Size, b[:])
}

// Consumed tells the client how many bytes of data the command has consumed so far.
func (w *Writer) Consumed(total int64) error {
	return w.send(Consumed, binary.BigEndian.AppendUint64(nil, uint64(total)))
}

func (w *Writer) send(k Kind, payload []byte) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.buf[0] = byte(k)
	binary.BigEndian.PutUint32(w.buf[1:], uint32(len(payload)))
	n := copy(w.buf[headerSize:], payload)
	_, err := w.to.Write(w.buf[:headerSize+n])
	return err
}
