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

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/pkg/audit"
)

// WatchdogArg as the only argument makes the helper a watchdog of the record.
const WatchdogArg = "record"

// watchdog is a second process that writes the end record if the helper is killed before it does.
type watchdog struct {
	pid   int
	alive *os.File // the watchdog acts when this is closed
}

func startWatchdog(r *Recorder, start StartWatchdog) (*watchdog, error) {
	to := r.logger.to
	text := fmt.Appendf(nil, "%s %d\n", to, r.began.UnixNano())
	// Not through the pipe, which may be too small.
	document, err := sealedFile(append(text, r.join.End(audit.End{Reason: audit.Killed}).Text(to)...))
	if err != nil {
		return nil, err
	}
	defer document.Close()
	watched, alive, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer watched.Close()
	pid, err := start([]string{audit.Identifier, WatchdogArg}, watched, r.logger.socket, document)
	if err != nil {
		alive.Close()
		return nil, fmt.Errorf("start the record's watchdog: %w", err)
	}
	return &watchdog{pid: pid, alive: alive}, nil
}

// stop ends the watchdog. It does nothing for a nil watchdog.
func (w *watchdog) stop() {
	if w == nil {
		return
	}
	_ = unix.Kill(w.pid, unix.SIGKILL)
	reap(w.pid)
	w.alive.Close()
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
