//go:build linux

package main

import (
	"os"
	"runtime"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/pkg/join"
	"github.com/nsjoin/docker-nsjoin/pkg/multiplexer"
	"github.com/nsjoin/docker-nsjoin/pkg/observe"
	"github.com/nsjoin/docker-nsjoin/pkg/request"
)

// many runs a helper for each stream of a client, from the sealed memory file that this process runs from. A helper is a
// process that is executed afresh: it gets nothing of the others. Without such a file there is no multiplexer.
func many(to *messages) error {
	sealed, err := isSealed()
	if err != nil {
		return err
	}
	if !sealed {
		return runFromMemory(os.Args, copySelf, func() error {
			observe.EnterHostCgroups() // helpers would, each
			return dropCapabilities(all)
		})
	}
	const pipeSize, processors = 1 << 20, 4
	_, _ = unix.FcntlInt(0, unix.F_SETPIPE_SZ, pipeSize)
	runtime.GOMAXPROCS(min(runtime.NumCPU(), processors)) // package engine started it with one
	return multiplexer.Serve(func(capabilities uint64, stdio [3]*os.File) (int, error) {
		return join.ForkHelper([]string{join.Name, request.FramesArg}, capabilities, stdio)
	}, os.Stdin, to.client)
}

// all is the set of all capabilities, for dropCapabilities, which then takes the inheritable ones only.
const all = "ffffffffffffffff"
