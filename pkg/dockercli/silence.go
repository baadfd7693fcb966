package dockercli

import (
	"fmt"
	"os"
	"time"

	"github.com/nsjoin/docker-nsjoin/pkg/stdio"
)

// silentFor is how long an engine may take to answer before the user is told.
const silentFor = 3 * time.Second

// WarnIfSilent prints at a terminal that a local engine does not answer, and what works without it, if
// stop is not called within silentFor. The caller goes on waiting. command is what the user called; ""
// prints nothing.
func (c *CLI) WarnIfSilent(command string) (stop func()) {
	if _, local := c.Socket(); command == "" || !local || !stdio.IsTerminal(os.Stderr) {
		return func() {}
	}
	sudo := ""
	if os.Geteuid() != 0 {
		sudo = "sudo "
	}
	timer := time.AfterFunc(silentFor, func() {
		fmt.Fprintf(os.Stderr, "docker nsjoin: the engine at %s has not answered for %d seconds: still waiting; without it: %s%s --no-engine …\n",
			c.host, int(silentFor.Seconds()), sudo, command)
	})
	return func() { timer.Stop() }
}
