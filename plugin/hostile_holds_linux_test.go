//go:build linux

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// When a process of ours becomes visible in the container, it holds only our own pipes and the
// container's files. The container's root stops the process as it appears, at the latest when it executes the command,
// and the test reads its descriptors from outside. A pipe is our own if only the helper and its children have it open.
func TestHostileHolds(t *testing.T) {
	c := newCaller(t)
	other := c.container(t)
	for _, row := range children() {
		if row.host || row.hidden {
			continue // a command on the host has its caller's descriptors
		}
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			container, _ := attacked(t, "nothing", []string{"-e", holdVariable + "=1", "-v", filepath.Dir(leased)})
			h := &holding{
				t: t, at: placesOf(t, container), victim: &victim{row: row},
				cell: &cell{caller: c, container: container, other: other},
			}
			if slices.Contains(row.elsewhere, "root") { // whose program is executed
				h.cell.other = c.container(t, "--volumes-from", container)
			}
			h.try()
		})
	}
}

// holding is a call whose process the attacker stops before it executes the command.
type holding struct {
	t      *testing.T
	at     places
	victim *victim
	cell   *cell
	call   []string      // of docker; nil for the victim's row
	also   func(process) // looks at the process too; may be nil
}

// try starts a call, and checks its process once the attacker has stopped that.
func (h *holding) try() {
	h.t.Helper()
	call := h.call
	if call == nil {
		call = append(append([]string{"nsjoin", "--trust-container"}, h.victim.row.args(h.cell)...), leased)
	}
	cmd := h.cell.caller.docker(call...)
	h.victim.callers = nil
	h.victim.streams(h.t, cmd)
	over := make(chan struct{})
	if h.victim.row.terminal {
		y := newTTY(h.t)
		y.start(cmd)
		go func() { <-y.exited; close(over) }()
	} else {
		if err := cmd.Start(); err != nil {
			h.t.Fatal(err)
		}
		go func() { _ = cmd.Wait(); close(over) }()
	}
	defer func() { _ = cmd.Process.Kill(); <-over }()
	for deadline := time.Now().Add(endsWithin); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		for _, p := range inPIDNamespaceOf(h.at.init) {
			if p.state != "T" {
				continue
			}
			if !ours("/proc/" + strconv.Itoa(p.pid)) {
				h.t.Fatalf("%v has executed the command", p)
			}
			h.look(p)
			_ = unix.Kill(p.pid, unix.SIGKILL)
			return
		}
		select {
		case <-over:
			h.t.Fatalf("%s has ended, and the attacker stopped none of its processes: %s", h.call, h.victim.says.bytes())
		default:
		}
	}
	h.t.Fatal("the call hangs, and the attacker stopped none of its processes")
}

// look checks the descriptors and the working directory of the process.
func (h *holding) look(p process) {
	h.t.Helper()
	family := append(childrenOf(p.parent), process{pid: p.parent})
	dir := fmt.Sprintf("/proc/%d/fd", p.pid)
	fds, err := os.ReadDir(dir)
	if err != nil || len(fds) == 0 {
		h.t.Fatalf("descriptors of %v: %v", p, err)
	}
	if len(fds) > 5 {
		h.t.Errorf("%d descriptors, more than the streams and two pipes", len(fds))
	}
	for _, fd := range fds {
		link, _ := os.Readlink(dir + "/" + fd.Name())
		file, ok := statPath(dir + "/" + fd.Name())
		switch {
		case !ok:
			h.t.Errorf("descriptor %s, %s, cannot be opened", fd.Name(), link)
		case h.at.callersOwn(h.victim, file) || !h.at.harmless(file):
			h.t.Errorf("descriptor %s is %s, %s", fd.Name(), link, file)
		case file.Mode&unix.S_IFMT == unix.S_IFIFO:
			for _, pid := range holders(link) {
				if !slices.ContainsFunc(family, func(p process) bool { return p.pid == pid }) {
					h.t.Errorf("descriptor %s is %s, which process %d has open too", fd.Name(), link, pid)
				}
			}
		}
	}
	if cwd, ok := statPath(fmt.Sprintf("/proc/%d/cwd", p.pid)); !ok || cwd.Dev != h.at.program.Dev && !slices.Contains(h.victim.row.elsewhere, "root") {
		h.t.Errorf("its working directory is %s", cwd)
	}
	if h.also != nil {
		h.also(p)
	}
}
