package main

import (
	"io"
	"os"

	"github.com/nsjoin/docker-nsjoin/pkg/request"
)

// callerStreams tells what the caller's standard streams are. A console has no background.
func callerStreams() request.Streams {
	out, errs := isTerminal(os.Stdout), isTerminal(os.Stderr)
	return request.Streams{InputTerminal: isTerminal(os.Stdin), OutputTerminal: out, ErrorsTerminal: errs, Foreground: true}
}

// inputWaits tells whether something can be read from a file, without reading it.
func inputWaits(f *os.File) bool {
	st, err := f.Stat()
	if err != nil || !st.Mode().IsRegular() {
		return false
	}
	at, err := f.Seek(0, io.SeekCurrent)
	return err == nil && at < st.Size()
}
