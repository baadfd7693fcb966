//go:build linux

package recorder

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/nsjoin/docker-nsjoin/pkg/audit"
	"github.com/nsjoin/docker-nsjoin/pkg/watchdog"
)

// WatchdogArg as the only argument makes the helper a watchdog of the record.
const WatchdogArg = "record"

// startWatchdog starts a watchdog that writes the end record if the helper is killed before it does.
func startWatchdog(r *Recorder, fork watchdog.Fork) (*watchdog.Watchdog, error) {
	to := r.logger.to
	text := fmt.Appendf(nil, "%s %d\n", to, r.began.UnixNano())
	// The record is in a file, since it may be larger than a pipe's capacity.
	document, err := sealedFile(append(text, r.join.End(audit.End{Reason: audit.Killed}).Text(to)...))
	if err != nil {
		return nil, err
	}
	defer document.Close()
	alive, conn, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	w, err := watchdog.Start(fork, []string{audit.Identifier, WatchdogArg}, alive, conn, r.logger.socket, document)
	if err != nil {
		return nil, fmt.Errorf("start the record's watchdog: %w", err)
	}
	return w, nil
}

// RunWatchdog is the watchdog's main function. It runs when the helper is gone.
func RunWatchdog() error {
	socket, document := os.Stdout, os.Stderr
	text, err := io.ReadAll(io.NewSectionReader(document, 0, 1<<30))
	if err != nil {
		return err
	}
	head, text, _ := bytes.Cut(text, []byte("\n"))
	to, at, _ := strings.Cut(string(head), " ")
	began, err := strconv.ParseInt(at, 10, 64)
	if err != nil {
		return fmt.Errorf("parse the record: %w", err)
	}
	l := &logger{to: audit.Destination(to), socket: socket}
	return l.write(audit.Append(text, l.to, audit.Duration(time.Since(time.Unix(0, began)))))
}
