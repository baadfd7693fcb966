package enginehost

import (
	"errors"
	"io"
	"os"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/pkg/engine"
)

// A multiplexer beside this process that could not be started, since there was no file descriptor left, is started again for
// the next command: there is no other way to run it.
func TestLocalMultiplexerIsTriedAgain(t *testing.T) {
	h := &Host{Stderr: io.Discard}
	defer h.many.close()
	needs := rights{here: true, Rights: engine.Rights{Caps: ^uint64(0)}}
	restore := withoutDescriptors(t)
	for range 2 {
		_, err := h.multiplexerFor(t.Context(), needs)
		if _, typed := errors.AsType[*noMultiplexerError](err); !typed || !errors.Is(err, unix.EMFILE) {
			t.Errorf("without descriptors: %v", err)
		}
	}
	restore()
	first, err := h.multiplexerFor(t.Context(), needs)
	if err != nil {
		t.Fatal(err)
	}
	if second, err := h.multiplexerFor(t.Context(), needs); second != first || err != nil {
		t.Errorf("the second command has another one, %v", err)
	}
}

// withoutDescriptors has this process open no more files.
func withoutDescriptors(t *testing.T) (restore func()) {
	t.Helper()
	var before unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &before); err != nil {
		t.Fatal(err)
	}
	next, err := os.Open("/")
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: uint64(next.Fd()), Max: before.Max}); err != nil {
		t.Fatal(err)
	}
	next.Close()
	restore = func() { _ = unix.Setrlimit(unix.RLIMIT_NOFILE, &before) }
	t.Cleanup(restore)
	return restore
}
