package frame

import (
	"encoding/binary"
	"io"
	"slices"
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

// Buffer is what one data frame is read into and sent from, so that its bytes are not copied.
type Buffer [MaxSize]byte

// Payload is where the frame's payload belongs, Whole bytes.
func (b *Buffer) Payload() []byte { return b[headerSize:] }

// WriteBuffer writes a data frame, whose payload is the first n bytes of b.Payload.
func (w *Writer) WriteBuffer(b *Buffer, n int) error {
	b[0] = byte(Data)
	binary.BigEndian.PutUint32(b[1:], uint32(n))
	w.mu.Lock()
	defer w.mu.Unlock()
	_, err := w.to.Write(b[:headerSize+n])
	return err
}

// Request sends a request.
func (w *Writer) Request(document []byte) error { return w.parts(Request, document) }

// Programs sends the content of programs.
func (w *Writer) Programs(content []byte) error { return w.parts(Programs, content) }

// parts sends frames of a kind, and an empty one that ends them.
func (w *Writer) parts(k Kind, content []byte) error {
	for part := range slices.Chunk(content, MaxSize) {
		if err := w.send(k, part); err != nil {
			return err
		}
	}
	return w.send(k, nil)
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

// Hello tells the client that the helper's container stays until the helper ends.
func (w *Writer) Hello() error { return w.send(Hello, nil) }

// Exit sends the helper's exit status, 0 to 255, and how many bytes it has written to standard output.
func (w *Writer) Exit(status int, written int64) error {
	return w.send(Exit, binary.BigEndian.AppendUint64([]byte{byte(status)}, uint64(written)))
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
