package forward

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"sync"

	"github.com/nsjoin/docker-nsjoin/pkg/exit"
	"github.com/nsjoin/docker-nsjoin/pkg/forward"
	"github.com/nsjoin/docker-nsjoin/pkg/plan"
	"github.com/nsjoin/docker-nsjoin/pkg/printable"
)

// printer prints events: a line for each forward that is ready on out, the others on errs; or all of them as JSON.
type printer struct {
	mu        sync.Mutex
	out, errs io.Writer
	name      exit.Name
	json      bool
	verbose   bool
	untilStop bool

	warned map[string]bool // IDs of forwards that other machines reach, and texts of warnOnce
}

// event prints an event.
func (p *printer) event(e forward.Event) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.json {
		p.printJSON(e)
	}
	switch e.Event {
	case forward.Ready:
		if !p.json {
			fmt.Fprintln(p.out, printable.Text(e.Text()))
		}
		if e.Open && p.isFirst(e.ID) {
			p.name.Warn(p.errs, openText(&e))
		}
	case forward.Waiting:
		p.name.Warn(p.errs, p.waitingText(&e))
	case forward.Limited:
		p.name.Warn(p.errs, e.Where()+": "+e.Error)
	case forward.Failing:
		p.name.Warn(p.errs, fmt.Sprintf("%s: %s; trying again", e.Text(), e.Error))
	case forward.Refused:
		p.name.Warn(p.errs, fmt.Sprintf("%s: %s; --any-user serves all users of this machine", e.Where(), e.Error))
	case forward.Unreachable:
		p.name.Warn(p.errs, fmt.Sprintf("connect to %s: %s", e.Target, e.Error))
	case forward.Connection:
		if p.verbose && !p.json {
			p.line(connectionText(&e))
		}
	case forward.Stopped:
		if p.untilStop {
			p.line(e.Container + " has stopped: its forwards have ended")
		} else {
			p.line(e.Container + " has stopped: its forwards are closed until it runs again")
		}
	case forward.Running:
		p.line(e.Container + " runs again")
	case forward.Removed:
		p.line(fmt.Sprintf("container %q was removed: its forwards have ended", e.Container))
	case forward.Lost:
		p.name.Warn(p.errs, fmt.Sprintf("the connection to %s is lost: %s; its forwards are closed, trying again", e.Container, e.Error))
	case forward.Reached:
		p.line(e.Container + " is reached again")
	case forward.Attacked:
		p.line(e.Error + "; the forwards of this container have ended")
	case forward.Ended:
		p.line(e.Text() + " was ended by forward rm")
	}
}

// waitingText says what a forward waits for and, once for each container, how to find out what it listens on: another port may
// have been meant.
func (p *printer) waitingText(e *forward.Event) string {
	text := fmt.Sprintf("nothing listens on %s: %s is closed until something does", e.Target, e.Where())
	if p.isFirst("what listens in " + e.Container) {
		text += fmt.Sprintf("; %s forward %s lists what it listens on", p.name, plan.QuoteArg(e.Container))
	}
	return text
}

// openText says who reaches a forward that does not listen on loopback addresses alone.
func openText(e *forward.Event) string {
	at := strings.Join(e.Listen, ", ")
	if e.Reverse {
		return fmt.Sprintf("-R: %s in %s can be reached from its networks: every container there reaches %s of this machine", at, e.Container, e.Target)
	}
	return fmt.Sprintf("%s can be reached from other machines: whoever reaches it reaches %s", at, e.Target)
}

// printJSON prints an event as one line. Connections are printed with --verbose only.
func (p *printer) printJSON(e forward.Event) {
	if e.Event == forward.Connection && !p.verbose {
		return
	}
	text, err := json.Marshal(e)
	if err != nil {
		return
	}
	fmt.Fprintln(p.out, printable.Text(string(text)))
}

// line prints a line of what goes on, unless it was printed as JSON.
func (p *printer) line(text string) {
	if !p.json {
		fmt.Fprintf(p.errs, "%s: %s\n", p.name, printable.Text(text))
	}
}

// warnOnce prints a warning, unless it was printed before.
func (p *printer) warnOnce(text string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.isFirst(text) {
		p.name.Warn(p.errs, text)
	}
}

// isFirst reports whether there was no warning yet about something. p.mu is held.
func (p *printer) isFirst(about string) bool {
	if p.warned[about] {
		return false
	}
	if p.warned == nil {
		p.warned = make(map[string]bool)
	}
	p.warned[about] = true
	return true
}

// connectionText describes a connection that has ended.
func connectionText(e *forward.Event) string {
	peer := ""
	if e.Peer != "" && e.Peer != "@" { // an UNIX socket has no address
		peer = " from " + e.Peer
	}
	text := fmt.Sprintf("%s%s: %.3f s, %d bytes sent, %d received", e.Where(), peer, e.Seconds, e.Sent, e.Received)
	if e.Error != "" {
		text += ": " + e.Error
	}
	return text
}
