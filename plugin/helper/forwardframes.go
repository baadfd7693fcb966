//go:build linux

package main

import (
	"os"
	"runtime"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/pkg/sockets/server"
)

// serveFrames serves the sockets of a container to a client that is reached through the engine, until it is gone or the
// container has ended.
func serveFrames(d server.Dialer, to *messages) error {
	const pipeSize, processors = 1 << 20, 4
	_, _ = unix.FcntlInt(0, unix.F_SETPIPE_SZ, pipeSize)
	runtime.GOMAXPROCS(min(runtime.NumCPU(), processors)) // package engine started the helper with one
	return server.Serve(d, os.Stdin, to.client, to.warn)
}
