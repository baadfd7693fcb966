//go:build linux

// Package recorder writes the records of a join to the host's journald or syslog.
package recorder

import (
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/pkg/audit"
)

// Standby starts a process that waits until alive hangs up and executes the helper
// again then, with args and these standard streams; join.Standby.
type Standby func(args []string, alive, stdout, stderr *os.File) (pid int, err error)

// Recorder writes the records of one join. A nil one writes none.
type Recorder struct {
	logger *logger
	join   audit.Join
	began  time.Time
	deputy *deputy
}

// Begin writes the record of the beginning and returns when the host's logger has it.
// root is the host's root directory. The join gets its ID here.
func Begin(root *os.File, to audit.Destination, join audit.Join, standby Standby) (*Recorder, error) {
	var id [16]byte
	if _, err := unix.Getrandom(id[:], 0); err != nil {
		return nil, fmt.Errorf("random number: %w", err)
	}
	join.ID = hex.EncodeToString(id[:])
	logger, err := dial(root, to)
	if err != nil {
		return nil, err
	}
	r := &Recorder{logger: logger, join: join, began: time.Now()}
	if r.deputy, err = startDeputy(r, standby); err == nil {
		err = logger.write(join.Begin().Text(to))
	}
	if err != nil {
		r.close()
		return nil, err
	}
	return r, nil
}

// End writes the record of the end, of which it knows how long the join took.
func (r *Recorder) End(e audit.End) error {
	if r == nil {
		return nil
	}
	defer r.close()
	e.Took = time.Since(r.began)
	return r.logger.write(r.join.End(e).Text(r.logger.to))
}

func (r *Recorder) close() {
	r.deputy.stop()
	r.logger.socket.Close()
}

// reap waits for the end of a child.
func reap(pid int) {
	for {
		_, err := unix.Wait4(pid, nil, unix.WALL, nil)
		if !errors.Is(err, unix.EINTR) {
			return
		}
	}
}
