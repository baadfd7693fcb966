package engine

import (
	"encoding/binary"
	"fmt"
	"io"
	"sync/atomic"

	"github.com/docker/docker/pkg/stdcopy"
)

// demultiplexer separates what an engine sends of a container's output. Each frame has a header of 8 bytes: its stream in the
// first one, and its length in the last four (package stdcopy). Engines send 32 KiB in each. Here several are read at once and
// passed on as one: what wakes this process and the next one for each frame takes more time than copying it.
type demultiplexer struct {
	stdout, stderr io.Writer
	from           io.Reader
	pause          func()        // after large reads, so that the next one is large, too; may be nil
	sent           *atomic.Int64 // how often something was sent to the container; may be nil

	more  int   // bytes of large reads in sequence, in whose time nothing was sent
	asked int64 // sent before these

	buf  []byte
	have int             // bytes in buf
	kind stdcopy.StdType // of the frame that has begun
	left int64           // bytes of it that have not come

	run, to int // the part of buf that is to be written next

	broken []byte // the beginning of the engine's message that ends the stream
}

const (
	frameHeaderSize = 8
	firstBuffer     = 32<<10 + frameHeaderSize
	largeBuffer     = 256 << 10 // more than a UNIX socket holds
	largeRead       = 16 << 10
	longRun         = 256 << 10 // bytes after which more is expected
	mostBroken      = 4 << 10   // of a message that is shown
)

// copy copies until the stream ends.
func (d *demultiplexer) copy() error {
	d.buf = make([]byte, firstBuffer)
	for {
		if d.more >= longRun && d.pause != nil {
			d.pause()
		}
		n, failed := d.from.Read(d.buf[d.have:])
		d.have += n
		full := d.have == len(d.buf)
		d.note(n)
		if err := d.split(); err != nil {
			return err
		}
		if failed != nil && d.kind == stdcopy.Systemerr {
			return d.failure()
		}
		if failed == io.EOF { //nolint:errorlint // it is never wrapped
			return nil
		}
		if failed != nil {
			return failed
		}
		if full && len(d.buf) < largeBuffer {
			d.buf = append(make([]byte, 0, largeBuffer), d.buf[:d.have]...)[:largeBuffer]
		}
	}
}

// note notes how many bytes were read. What comes soon after something was sent may be the answer to it, which somebody waits for.
func (d *demultiplexer) note(n int) {
	now := d.asked
	if d.sent != nil {
		now = d.sent.Load()
	}
	if n >= largeRead && now == d.asked {
		d.more += n
	} else {
		d.more, d.asked = 0, now
	}
}

// split writes all that buf holds but the beginning of a header, which it leaves there.
func (d *demultiplexer) split() error {
	at := 0
	d.run, d.to = 0, 0
	for at < d.have {
		if d.left > 0 {
			n := int(min(d.left, int64(d.have-at)))
			d.left -= int64(n)
			if err := d.take(at, n); err != nil {
				return err
			}
			at += n
			continue
		}
		if d.have-at < frameHeaderSize {
			break
		}
		if err := d.begin(d.buf[at : at+frameHeaderSize]); err != nil {
			return err
		}
		at += frameHeaderSize
	}
	rest := at
	if err := d.flush(); err != nil {
		return err
	}
	d.have = copy(d.buf, d.buf[rest:d.have])
	return nil
}

// take takes bytes of a frame.
func (d *demultiplexer) take(at, n int) error {
	if d.kind != stdcopy.Systemerr {
		d.add(at, n)
		return nil
	}
	d.broken = append(d.broken, d.buf[at:at+min(n, mostBroken-len(d.broken))]...)
	if d.left == 0 || len(d.broken) == mostBroken {
		return d.failure()
	}
	return nil
}

// add adds bytes of buf to those that are to be written. They are moved to where these end.
func (d *demultiplexer) add(at, n int) {
	if d.run == d.to {
		d.run, d.to = at, at
	}
	if d.to != at {
		copy(d.buf[d.to:], d.buf[at:at+n])
	}
	d.to += n
}

// begin reads a header.
func (d *demultiplexer) begin(header []byte) error {
	kind := stdcopy.StdType(header[0])
	if kind != d.kind {
		if err := d.flush(); err != nil {
			return err
		}
	}
	if kind > stdcopy.Systemerr {
		return fmt.Errorf("the engine's stream has %q where a frame begins", header)
	}
	d.kind, d.left = kind, int64(binary.BigEndian.Uint32(header[4:]))
	if kind == stdcopy.Systemerr && d.left == 0 {
		return d.failure()
	}
	return nil
}

// failure is the engine's message.
func (d *demultiplexer) failure() error {
	return fmt.Errorf("error from daemon in stream: %s", d.broken)
}

// flush writes what add has added.
func (d *demultiplexer) flush() (err error) {
	part := d.buf[d.run:d.to]
	d.run = d.to
	switch {
	case len(part) == 0:
	case d.kind == stdcopy.Stderr:
		_, err = d.stderr.Write(part)
	default:
		_, err = d.stdout.Write(part)
	}
	return err
}
