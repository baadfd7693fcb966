//go:build linux

package main

import (
	"errors"
	"os"

	"github.com/nsjoin/docker-nsjoin/pkg/dialer"
	"github.com/nsjoin/docker-nsjoin/pkg/exit"
	"github.com/nsjoin/docker-nsjoin/pkg/request"
)

// forward serves the sockets of a container until the client, on socket or reached through the engine, is gone or the container has ended.
func forward(r *request.Request, socket *os.File, to *messages) (int, error) {
	d, err := dialer.New(r)
	if err != nil {
		return 0, err
	}
	if r.DryRun != request.OutputNone {
		return 0, d.Print(to.stdout, r.DryRun)
	}
	if socket == nil && r.Client == nil {
		return 0, errors.New("forwarding needs a client")
	}
	record, err := beginRecord(d.Plan, r, d.Seen, to)
	if err != nil {
		return 0, err
	}
	if err = d.Start(); err == nil {
		if r.Client != nil {
			err = serveFrames(d, to)
		} else {
			err = d.Serve(socket)
		}
		d.Close()
	}
	endRecord(record, d.Plan, outcome{forward: true}, 0, err, to)
	if _, told := errors.AsType[*dialer.ForgedError](err); told {
		return exit.Failed, nil // the client says why
	}
	return 0, err
}
