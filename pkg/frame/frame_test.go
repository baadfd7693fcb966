package frame_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/nsjoin/docker-nsjoin/pkg/frame"
)

func TestFormat(t *testing.T) {
	for _, row := range []struct {
		name string
		send func(*frame.Writer) error
		want string
	}{
		{"data", func(w *frame.Writer) error { _, err := w.Write([]byte("ls\n")); return err }, "d\x00\x00\x00\x03ls\n"},
		{"no data", func(w *frame.Writer) error { _, err := w.Write(nil); return err }, ""},
		{"a buffer", func(w *frame.Writer) error {
			var b frame.Buffer
			return w.WriteBuffer(&b, copy(b.Payload(), "ls\n"))
		}, "d\x00\x00\x00\x03ls\n"},
		{"end", (*frame.Writer).End, "e\x00\x00\x00\x00"},
		{"alive", (*frame.Writer).Alive, "a\x00\x00\x00\x00"},
		{"signal", func(w *frame.Writer) error { return w.Signal(15) }, "s\x00\x00\x00\x01\x0f"},
		{"unread", func(w *frame.Writer) error { return w.OutputClosed(2) }, "u\x00\x00\x00\x01\x02"},
		{"size", func(w *frame.Writer) error { return w.Size(24, 0x0150) }, "w\x00\x00\x00\x04\x00\x18\x01\x50"},
	} {
		var b bytes.Buffer
		if err := row.send(frame.NewWriter(&b)); err != nil || b.String() != row.want {
			t.Errorf("%s: %q, %v; want %q", row.name, b.String(), err, row.want)
		}
	}
}

func TestWriteThenRead(t *testing.T) {
	long := strings.Repeat("0123456789abcdef", 3*frame.MaxSize/16) + "end"
	var stream bytes.Buffer
	w := frame.NewWriter(&stream)
	if n, err := w.Write([]byte(long)); err != nil || n != len(long) {
		t.Fatalf("wrote %d of %d, %v", n, len(long), err)
	}
	if err := errors.Join(w.Size(50, 132), w.Signal(64), w.Alive(), w.End(), w.Size(1, 2)); err != nil {
		t.Fatal(err)
	}
	var data strings.Builder
	var others []string
	buf := make([]byte, frame.MaxSize)
	for from := iotest.HalfReader(&stream); ; {
		f, err := frame.Read(from, buf)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		switch f.Kind {
		case frame.Data:
			data.Write(f.Payload)
		case frame.Size:
			rows, columns := f.Dimensions()
			others = append(others, string(rune(rows))+"x"+string(rune(columns)))
		case frame.Signal:
			others = append(others, "signal "+string(rune(f.Number())))
		case frame.End, frame.Alive:
			others = append(others, string(rune(f.Kind)))
		}
	}
	if data.String() != long {
		t.Errorf("read %d bytes of data, wrote %d", data.Len(), len(long))
	}
	if got, want := strings.Join(others, ","), "2x\u0084,signal @,a,e,\x01x\x02"; got != want {
		t.Errorf("read %q, want %q", got, want)
	}
}

func TestInvalidFrames(t *testing.T) {
	for _, row := range []struct{ name, stream, message string }{
		{"nothing", "", "EOF"},
		{"half a header", "d\x00\x00", "unexpected EOF"},
		{"half a payload", "d\x00\x00\x00\x03ls", "unexpected EOF"},
		{"no payload", "d\x00\x00\x00\x03", "unexpected EOF"},
		{"an unknown kind", "z\x00\x00\x00\x00", "frame of unknown kind 0x7a"},
		{"too much data", "d\x00\x01\x00\x01", "frame of kind d with 65537 bytes"},
		{"a length with the highest bit", "d\xff\xff\xff\xff", "frame of kind d with 4294967295 bytes"},
		{"an end with a payload", "e\x00\x00\x00\x01x", "frame of kind e with 1 bytes"},
		{"a signal without a number", "s\x00\x00\x00\x00", "frame of kind s with 0 bytes"},
		{"half a size", "w\x00\x00\x00\x02\x00\x18", "frame of kind w with 2 bytes"},
	} {
		f, err := frame.Read(strings.NewReader(row.stream), make([]byte, frame.MaxSize))
		if err == nil || err.Error() != row.message {
			t.Errorf("%s: %+v, %v; want %s", row.name, f, err, row.message)
		}
		f, err = frame.NewReader(iotest.OneByteReader(strings.NewReader(row.stream))).Next()
		if err == nil || err.Error() != row.message {
			t.Errorf("%s: a Reader returns %+v, %v; want %s", row.name, f, err, row.message)
		}
	}
}

func TestWriteError(t *testing.T) {
	r, w := io.Pipe()
	r.CloseWithError(io.ErrClosedPipe)
	to := frame.NewWriter(w)
	n, err := to.Write([]byte("x"))
	if n != 0 || !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("wrote %d, %v", n, err)
	}
	if err := to.Alive(); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("alive: %v", err)
	}
}

// Close does not write after complete frames: even an empty write fails on a full disk.
func TestSplitterDoesNotWriteAtClose(t *testing.T) {
	r, w := io.Pipe()
	r.CloseWithError(io.ErrClosedPipe)
	s := &frame.Splitter{Data: w, Consumed: func(int64) {}}
	if err := frame.NewWriter(s).Consumed(3); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Errorf("it writes: %v", err)
	}
}

// keeping keeps what is written to it without copying it.
type keeping struct{ parts [][]byte }

func (k *keeping) Write(b []byte) (int, error) {
	k.parts = append(k.parts, b)
	return len(b), nil
}

// Frames that come together stay where they are: moving the rest after each would take time quadratic in its length.
func TestSplitterMovesNoFrame(t *testing.T) {
	var stream bytes.Buffer
	w := frame.NewWriter(&stream)
	for i := range 100 {
		if _, err := fmt.Fprintf(w, "%02d", i); err != nil {
			t.Fatal(err)
		}
	}
	var data keeping
	s := &frame.Splitter{Data: &data}
	if _, err := s.Write(stream.Bytes()); err != nil {
		t.Fatal(err)
	}
	for i, part := range data.parts {
		if want := fmt.Sprintf("%02d", i); string(part) != want {
			t.Fatalf("frame %s has become %q", want, part)
		}
	}
	if len(data.parts) != 100 {
		t.Errorf("%d frames", len(data.parts))
	}
}

// writeAgain writes a frame, the last one in what was read.
func writeAgain(to *bytes.Buffer, got frame.Frame, read []byte) error {
	w := frame.NewWriter(to)
	switch got.Kind {
	case frame.Data:
		_, err := w.Write(got.Payload)
		if len(got.Payload) == 0 {
			to.WriteString("d\x00\x00\x00\x00") // a Writer does not write empty data
		}
		return err
	case frame.End:
		return w.End()
	case frame.Size:
		return w.Size(got.Dimensions())
	case frame.Signal:
		return w.Signal(got.Number())
	case frame.OutputClosed:
		return w.OutputClosed(got.Number())
	case frame.Consumed:
		return w.Consumed(got.Bytes())
	case frame.Alive:
		return w.Alive()
	case frame.Hello:
		return w.Hello()
	case frame.Exit:
		return w.Exit(got.Ending())
	case frame.Request, frame.Programs:
		to.Write(read[len(read)-len(got.Payload)-5:]) // a Writer writes all parts at once
	}
	return nil
}

// Frames that are read and written again are the same bytes, and Read does not read past a frame.
func FuzzRead(f *testing.F) {
	for _, seed := range []string{
		"d\x00\x00\x00\x03ls\ne\x00\x00\x00\x00", "w\x00\x00\x00\x04\x00\x18\x00\x50a\x00\x00\x00\x00",
		"s\x00\x00\x00\x01\x0f", "c\x00\x00\x00\b00000000", "d\x00\x00\x00\x00", "d\x00\x01\x00\x00x", "x",
		"r\x00\x00\x00\x02{}r\x00\x00\x00\x00p\x00\x00\x00\x01xp\x00\x00\x00\x00h\x00\x00\x00\x00x\x00\x00\x00\x09\x01\x00\x00\x00\x00\x00\x00\x00\x08",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, stream []byte) {
		from := bytes.NewReader(stream)
		var again bytes.Buffer
		buf := make([]byte, frame.MaxSize)
		read := 0
		ahead := frame.NewReader(iotest.HalfReader(bytes.NewReader(stream)))
		for {
			got, err := frame.Read(from, buf)
			same, other := ahead.Next()
			if got.Kind != same.Kind || !bytes.Equal(got.Payload, same.Payload) || fmt.Sprint(err) != fmt.Sprint(other) {
				t.Fatalf("a Reader returns %+v, %v; Read %+v, %v", same, other, got, err)
			}
			if err != nil {
				break
			}
			read = len(stream) - from.Len()
			if err := writeAgain(&again, got, stream[:read]); err != nil {
				t.Fatal(err)
			}
		}
		if !bytes.Equal(again.Bytes(), stream[:read]) {
			t.Errorf("read %q\nwritten again %q", stream[:read], again.Bytes())
		}
	})
}
