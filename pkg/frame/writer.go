package frame

import (
	"encoding/binary"
	"io"
	"sync"
)

// Writer writes frames, each by one Write. It may be used by several goroutines.
type Writer struct {
	mu  sync.Mutex
	to  io.Writer
	buf [headerSize + MaxSize]byte
}

// NewWriter makes a Writer to a stream.
func NewWriter(to io.Writer) *Writer { return &Writer{to: to} }

// Write writes data, in as many frames as it takes; io.Writer.
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

// End ends the command's standard input.
func (w *Writer) End() error { return w.send(End, nil) }

// Alive says that the client is there.
func (w *Writer) Alive() error { return w.send(Alive, nil) }

// Signal sends a signal by its number on Linux, of 1 to 64.
func (w *Writer) Signal(number int) error { return w.send(Signal, []byte{byte(number)}) }

// OutputClosed says that nobody reads the caller's stream any more, 1 or 2.
func (w *Writer) OutputClosed(stream int) error { return w.send(OutputClosed, []byte{byte(stream)}) }

// Size tells the terminal's size.
func (w *Writer) Size(rows, columns uint16) error {
	var b [4]byte
	binary.BigEndian.PutUint16(b[:], rows)
	binary.BigEndian.PutUint16(b[2:], columns)
	return w.send(Size, b[:])
}

// Consumed tells how much of the data was consumed so far, in bytes.
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
