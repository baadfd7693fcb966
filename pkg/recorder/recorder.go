//go:build linux

// Package recorder writes the records of a join to the host's journald or syslog.
package recorder

import (
	"encoding/hex"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/pkg/audit"
	"github.com/nsjoin/docker-nsjoin/pkg/watchdog"
)

// Recorder writes the records of one join. A nil Recorder writes none.
type Recorder struct {
	logger   *logger
	join     audit.Join
	began    time.Time
	watchdog *watchdog.Watchdog
}

// Begin writes the begin record, and returns when the host's logger has accepted it. root is the host's root
// directory. Begin sets the join's ID.
func Begin(root *os.File, to audit.Destination, join audit.Join, fork watchdog.Fork) (*Recorder, error) {
	var id [16]byte
	if _, err := unix.Getrandom(id[:], 0); err != nil {
		return nil, fmt.Errorf("make an ID for the record: %w", err)
	}
	join.ID = hex.EncodeToString(id[:])
	logger, err := dial(root, to)
	if err != nil {
		return nil, err
	}
	r := &Recorder{logger: logger, join: join, began: time.Now()}
	if r.watchdog, err = startWatchdog(r, fork); err == nil {
		err = logger.write(join.Begin().Text(to))
	}
	if err != nil {
		r.close()
		return nil, err
	}
	return r, nil
}

// End writes the end record, and sets the duration in it.
func (r *Recorder) End(e audit.End) error {
	if r == nil {
		return nil
	}
	defer r.close()
	e.Took = time.Since(r.began)
	return r.logger.write(r.join.End(e).Text(r.logger.to))
}

func (r *Recorder) close() {
	r.watchdog.Stop()
	r.logger.socket.Close()
}
