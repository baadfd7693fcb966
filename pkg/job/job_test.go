package job_test

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/nsjoin/docker-nsjoin/pkg/frame"
	"github.com/nsjoin/docker-nsjoin/pkg/job"
)

// helper is a helper whose output is given.
type helper struct {
	in       *io.PipeWriter
	from     *io.PipeReader
	output   func(stdout, stderr io.Writer)
	ended    chan struct{}
	status   int
	err      error
	mayLeave bool
}

func newHelper(output func(stdout, stderr io.Writer)) *helper {
	r, w := io.Pipe()
	return &helper{in: w, from: r, output: output, ended: make(chan struct{})}
}

func (h *helper) Write(b []byte) (int, error) { return h.in.Write(b) }
func (h *helper) Close()                      { h.in.Close() }
func (h *helper) MayLeave() bool              { return h.mayLeave }

func (h *helper) Output(stdout, stderr io.Writer) error {
	h.output(stdout, stderr)
	return nil
}

func (h *helper) Wait() (int, error) {
	<-h.ended
	return h.status, h.err
}

// readInput reads frames until the end of the input.
func readInput(t *testing.T, from io.Reader, got *bytes.Buffer, frames *frame.Writer) {
	t.Helper()
	buf := make([]byte, frame.MaxSize)
	for {
		f, err := frame.Read(from, buf)
		if err != nil {
			t.Error(err)
			return
		}
		switch f.Kind {
		case frame.Data:
			got.Write(f.Payload)
			_ = frames.Consumed(int64(got.Len()))
		case frame.End:
			return
		default:
		}
	}
}

func TestJob(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var h *helper
		var got bytes.Buffer
		h = newHelper(func(stdout, stderr io.Writer) {
			frames := frame.NewWriter(stderr)
			readInput(t, h.from, &got, frames)
			_, _ = io.WriteString(stdout, "out")
			_, _ = frames.Write([]byte("err"))
			_ = frames.Exit(3, 3)
			h.status = 3
			close(h.ended)
		})
		var out, errs strings.Builder
		j := job.Start(h, &out, &errs)
		defer j.Close()
		input := bytes.Repeat([]byte("0123456789"), 100<<10)
		if n, err := j.Write(input); n != len(input) || err != nil {
			t.Error(n, err)
		}
		j.EndInput()
		<-j.Done()
		if status, err := j.Status(); status != 3 || err != nil || out.String() != "out" || errs.String() != "err" || !bytes.Equal(got.Bytes(), input) {
			t.Errorf("%d, %v, %q, %q, %d bytes", status, err, out.String(), errs.String(), got.Len())
		}
		if _, err := j.Write(input); err == nil {
			t.Error("the command has ended, and more is written")
		}
	})
}

// A helper in a container that is kept is not waited for once it has reported its exit status.
func TestJobMayLeave(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHelper(func(_, stderr io.Writer) { _ = frame.NewWriter(stderr).Exit(7, 0) })
		h.mayLeave = true
		j := job.Start(h, io.Discard, io.Discard)
		<-j.Done()
		if status, err := j.Status(); status != 7 || err != nil {
			t.Error(status, err)
		}
		j.Close()
		close(h.ended)
	})
}

// A helper that has reported its exit status and does not end is not waited for without limit.
func TestJobDoesNotEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHelper(func(_, stderr io.Writer) {
			frames := frame.NewWriter(stderr)
			_, _ = frames.Write([]byte("why"))
			_ = frames.Exit(125, 0)
		})
		var errs strings.Builder
		j := job.Start(h, io.Discard, &errs)
		<-j.Done()
		if status, err := j.Status(); status != 125 || err != nil || errs.String() != "why" {
			t.Error(status, err, errs.String())
		}
		j.Close()
		close(h.ended)
	})
}

func TestJobIsLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHelper(func(io.Writer, io.Writer) {})
		h.err = errors.New("lost")
		close(h.ended)
		j := job.Start(h, io.Discard, io.Discard)
		<-j.Done()
		if _, err := j.Status(); err == nil {
			t.Error("no error")
		}
		j.Close()
	})
}
