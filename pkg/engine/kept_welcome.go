package engine

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/pkg/stdcopy"

	"github.com/nsjoin/docker-nsjoin/pkg/exit"
	"github.com/nsjoin/docker-nsjoin/pkg/frame"
)

// hello is the helper's first frame on standard error.
var hello = []byte{byte(frame.Hello), 0, 0, 0, 0}

// helloTimeout is how long the first frame may take, on a busy machine too.
var helloTimeout = 20 * time.Second

// welcomed waits until the helper runs and holds its container. Its error is a notHeldError only if the helper has
// not read the request and never will: nothing may run twice.
func (h *Helper) welcomed(ctx context.Context) error {
	stop := context.AfterFunc(ctx, h.Close)
	late := time.AfterFunc(helloTimeout, h.Close)
	greeted, printed, err := h.greeting()
	inTime, wanted := late.Stop(), stop()
	switch {
	case !wanted: // the connection is closed, whatever has come
		return wrapStep(ctx.Err(), stepStart)
	case greeted && inTime:
		return nil
	case err == nil && inTime:
		return &notHeldError{fmt.Errorf("the helper does not start in it: %q", printed)}
	case !inTime:
		return exit.Hint(errors.New("the helper's container that is kept does not answer"),
			"its first process may be stopped; docker rm -f %s removes it", ShortID(h.id))
	}
	found, failed := h.engine.ContainerExecInspect(ctx, h.exec)
	if failed != nil && !isExecGone(failed) || failed == nil && !neverStarted(found) {
		return h.lost(err)
	}
	if len(printed) > 0 {
		return &notHeldError{fmt.Errorf("the engine does not start the helper in it: %s", bytes.TrimSpace(printed))}
	}
	return &notHeldError{fmt.Errorf("it ends: %w", err)}
}

// neverStarted reports whether a command that has ended was not started, by the exit statuses that the engine has for
// that: the program is not executable, is not there, another error of the runtime.
func neverStarted(exec container.ExecInspect) bool {
	const notExecutable, notFound, other = 126, 127, 128
	return !exec.Running && slices.Contains([]int{notExecutable, notFound, other}, exec.ExitCode)
}

// greeting waits for the helper's first frame and leaves all output unread. Standard output may come before it: a
// helper has greeted if there is more of that than fits into the reader's buffer. If there is no greeting, printed is
// what came in its place, with an error if the stream has ended.
func (h *Helper) greeting() (greeted bool, printed []byte, err error) {
	const header = 8 // of what the engine sends: the stream's number, three bytes of 0, the length in four
	for at := 0; ; {
		got, err := h.stream.Reader.Peek(at + header)
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			return true, nil, nil
		case err != nil:
			return false, printed, err
		}
		frameHeader := got[at:]
		length := int(min(binary.BigEndian.Uint32(frameHeader[4:]), math.MaxInt32/2))
		switch stdcopy.StdType(frameHeader[0]) {
		case stdcopy.Stderr:
			got, err = h.stream.Reader.Peek(at + header + len(hello))
			if err != nil && !errors.Is(err, io.EOF) {
				return errors.Is(err, bufio.ErrBufferFull), printed, err
			}
			if bytes.Equal(got[at+header:], hello) {
				return true, nil, nil
			}
			got, err = h.stream.Reader.Peek(at + header + length)
			return false, got[at+header:], err
		case stdcopy.Stdout: // an engine that cannot start a command says so there
			at += header + length
			if got, err = h.stream.Reader.Peek(at); err == nil {
				printed = append(printed, got[at-length:]...)
			}
		default:
			return false, got, nil
		}
	}
}
