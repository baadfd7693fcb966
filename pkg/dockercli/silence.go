package dockercli

import (
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/nsjoin/docker-nsjoin/pkg/stdio"
)

// silentFor is how long an engine may take to answer before a message is printed.
const silentFor = 3 * time.Second

// WarnIfSilent prints at a terminal that a local engine does not answer, and what works without it, if
// stop is not called within silentFor. The caller goes on waiting. sub is the command below nsjoin that the
// user called, or "".
func (c *CLI) WarnIfSilent(sub string) (stop func()) {
	if _, local := c.Socket(); !local || !stdio.IsTerminal(os.Stderr) {
		return func() {}
	}
	sudo := ""
	if os.Geteuid() != 0 {
		sudo = "sudo "
	}
	timer := time.AfterFunc(silentFor, func() {
		fmt.Fprintf(os.Stderr, "%s: the engine at %s has not answered for %d seconds, still waiting; to go on without the engine: %s%s --no-engine …\n",
			c.Name, c.host, int(silentFor.Seconds()), sudo, strings.TrimSpace(c.Name.String()+" "+sub))
	})
	return func() { timer.Stop() }
}
