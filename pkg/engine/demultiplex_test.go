package engine

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"strings"
	"sync/atomic"
	"testing"
	"testing/iotest"

	"github.com/docker/docker/pkg/stdcopy"
)

// Frames of any length come out as they went in, however they are read.
func TestDemultiplexer(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	var stream, stdout, stderr bytes.Buffer
	for range 2000 {
		n := random.IntN(100)
		if random.IntN(4) == 0 {
			n = random.IntN(70_000)
		}
		data := make([]byte, n)
		for i := range data {
			data[i] = byte(random.Uint32())
		}
		kind, to := stdcopy.Stdout, &stdout
		if random.IntN(3) == 0 {
			kind, to = stdcopy.Stderr, &stderr
		}
		_, _ = stdcopy.NewStdWriter(&stream, kind).Write(data)
		to.Write(data)
	}
	whole := stream.Bytes()
	for name, from := range map[string]io.Reader{
		"whole": bytes.NewReader(whole), "halves": iotest.HalfReader(bytes.NewReader(whole)),
		"bytes": iotest.OneByteReader(bytes.NewReader(whole)), "end with data": iotest.DataErrReader(bytes.NewReader(whole)),
	} {
		var out, errs bytes.Buffer
		d := demultiplexer{stdout: &out, stderr: &errs, from: from, pause: func() {}}
		if err := d.copy(); err != nil || !bytes.Equal(out.Bytes(), stdout.Bytes()) || !bytes.Equal(errs.Bytes(), stderr.Bytes()) {
			t.Errorf("%s: %v, %d and %d bytes; want %d and %d", name, err, out.Len(), errs.Len(), stdout.Len(), stderr.Len())
		}
	}
}

// What is written first was sent first.
func TestDemultiplexerKeepsOrder(t *testing.T) {
	var stream, both bytes.Buffer
	for _, text := range []string{"a", "b", "C", "d", "E", "F", "g"} {
		kind := stdcopy.Stdout
		if text < "a" {
			kind = stdcopy.Stderr
		}
		_, _ = stdcopy.NewStdWriter(&stream, kind).Write([]byte(text))
	}
	d := demultiplexer{stdout: &both, stderr: &both, from: &stream}
	if err := d.copy(); err != nil || both.String() != "abCdEFg" {
		t.Error(err, both.String())
	}
}

func TestDemultiplexerErrors(t *testing.T) {
	failed := errors.New("failed")
	long := strings.Repeat("a", mostBroken)
	frame := func(kind byte, text string) string {
		return string([]byte{kind, 0, 0, 0, 0, 0, 0, byte(len(text))}) + text
	}
	for _, c := range []struct {
		name     string
		from     io.Reader
		out, err string
	}{
		{"cut off in a header", strings.NewReader(frame(1, "a") + "\x01\x00"), "a", ""},
		{"cut off in a frame", strings.NewReader(frame(1, "abc")[:9]), "a", ""},
		{"unknown", strings.NewReader(frame(1, "a") + frame(4, "b")), "a", `the engine's stream has "\x04\x00\x00\x00\x00\x00\x00\x01" where a frame begins`},
		{"of the engine", strings.NewReader(frame(1, "a") + frame(3, "sorry")), "a", "error from daemon in stream: sorry"},
		{"of the engine, in parts", iotest.OneByteReader(strings.NewReader(frame(1, "a") + frame(3, "sorry") + frame(1, "b"))), "a", "error from daemon in stream: sorry"},
		{"of the engine, without a text", strings.NewReader(frame(1, "a") + frame(3, "") + frame(1, "b")), "a", "error from daemon in stream: "},
		{"of the engine, cut off", strings.NewReader((frame(1, "a") + frame(3, "sorry"))[:20]), "a", "error from daemon in stream: sor"},
		{"of the engine, too long", strings.NewReader("\x03\x00\x00\x00\xff\xff\xff\xff" + long + long), "", "error from daemon in stream: " + long},
		{"of 2 GiB, cut off", strings.NewReader("\x01\x00\x00\x00\x80\x00\x00\x00" + "data data"), "data data", ""},
		{"of the connection", io.MultiReader(strings.NewReader(frame(1, "a")), iotest.ErrReader(failed)), "a", "failed"},
	} {
		var out bytes.Buffer
		d := demultiplexer{stdout: &out, stderr: io.Discard, from: c.from}
		text := ""
		if err := d.copy(); err != nil {
			text = err.Error()
		}
		if out.String() != c.out || text != c.err {
			t.Errorf("%s: %q, %s", c.name, out.String(), text)
		}
	}
	var stream bytes.Buffer
	_, _ = stdcopy.NewStdWriter(&stream, stdcopy.Stdout).Write([]byte("a"))
	r, w := io.Pipe()
	_ = r.CloseWithError(failed)
	d := demultiplexer{stdout: w, stderr: io.Discard, from: &stream}
	if err := d.copy(); !errors.Is(err, failed) {
		t.Error(err)
	}
}

// What a user types is passed on at once; only large output is waited for.
func TestDemultiplexerPauses(t *testing.T) {
	for _, c := range []struct {
		size   int // of a read
		pauses bool
	}{{1, false}, {100, false}, {largeRead - 1, false}, {firstBuffer, true}} {
		var stream bytes.Buffer
		w := stdcopy.NewStdWriter(&stream, stdcopy.Stdout)
		for range 20 {
			_, _ = w.Write(make([]byte, c.size))
		}
		pauses := 0
		from := readerFunc(func(b []byte) (int, error) { return stream.Read(b[:min(len(b), c.size)]) })
		d := demultiplexer{stdout: io.Discard, from: from, pause: func() { pauses++ }}
		if err := d.copy(); err != nil || pauses > 0 != c.pauses {
			t.Errorf("reads of %d bytes: %d pauses, %v", c.size, pauses, err)
		}
	}
}

// An answer of any size to what was sent just before is passed on at once, and the next one is not waited for.
func TestDemultiplexerDoesNotHoldUpAnswers(t *testing.T) {
	const answers, frames = 200, 2 // of 64 KiB
	var sent atomic.Int64
	var stream bytes.Buffer
	w := stdcopy.NewStdWriter(&stream, stdcopy.Stdout)
	from := readerFunc(func(b []byte) (int, error) {
		if stream.Len() == 0 {
			if sent.Add(1) > answers { // a question, once the answer was passed on
				return 0, io.EOF
			}
			for range frames {
				_, _ = w.Write(make([]byte, firstBuffer-frameHeaderSize))
			}
		}
		return stream.Read(b)
	})
	pauses, passed := 0, 0
	d := demultiplexer{stdout: writerFunc(func(b []byte) (int, error) { passed += len(b); return len(b), nil }), from: from, pause: func() { pauses++ }, sent: &sent}
	if err := d.copy(); err != nil || pauses > 0 || passed != answers*frames*(firstBuffer-frameHeaderSize) {
		t.Errorf("%d pauses, %d bytes, %v", pauses, passed, err)
	}
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(b []byte) (int, error) { return f(b) }

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(b []byte) (int, error) { return f(b) }
