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

// Arg as the only argument makes the helper a deputy.
const Arg = "record"

// deputy is a second process that writes the record of the end if the helper is killed
// before it does.
type deputy struct {
	pid   int
	alive *os.File
}

func startDeputy(r *Recorder, standby Standby) (*deputy, error) {
	to := r.logger.to
	text := fmt.Appendf(nil, "%s %d\n", to, r.began.UnixNano())
	// Not through the pipe, which may have no room for all of it.
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
	pid, err := standby([]string{audit.Identifier, Arg}, watched, r.logger.socket, document)
	if err != nil {
		alive.Close()
		return nil, fmt.Errorf("start the record's watcher: %w", err)
	}
	return &deputy{pid: pid, alive: alive}, nil
}

// stop ends the deputy, which is not needed any more. A nil one is none.
func (d *deputy) stop() {
	if d == nil {
		return
	}
	_ = unix.Kill(d.pid, unix.SIGKILL)
	reap(d.pid)
	d.alive.Close()
}

// Deputize is the deputy's work, once the helper is gone.
func Deputize() error {
	socket, document := os.Stdout, os.Stderr
	text, err := io.ReadAll(io.NewSectionReader(document, 0, 1<<30))
	if err != nil {
		return err
	}
	head, text, _ := bytes.Cut(text, []byte("\n"))
	to, at, _ := strings.Cut(string(head), " ")
	began, err := strconv.ParseInt(at, 10, 64)
	if err != nil {
		return fmt.Errorf("record: %w", err)
	}
	l := &logger{to: audit.Destination(to), socket: socket}
	return l.write(audit.Append(text, l.to, audit.Duration(time.Since(time.Unix(0, began)))))
}
