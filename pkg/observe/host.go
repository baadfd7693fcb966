//go:build linux

package observe

import (
	"fmt"
	"os"
)

// leave makes a helper in a container of its own one of the host's processes, as
// far as it goes: the process that started it, the container's shim, gives what is
// the host's, and the helper moves to its cgroups. There it may use the devices, and
// its end is not the end of those that it leaves behind.
func (o *Observation) leave() error {
	host, err := Hold(os.Getppid())
	if err != nil {
		return fmt.Errorf("the engine's host: %w", err)
	}
	o.Processes[host.PID] = host
	if err := host.OpenNamespaces(); err != nil {
		return fmt.Errorf("the engine's host: %w", err)
	}
	o.host = host
	o.Facts.Host = host.Facts()
	groups, err := host.foreignCgroups(o.self, "", nil)
	if err != nil {
		return err
	}
	places, err := findCgroups(groups, []*Process{host})
	if err != nil {
		return err
	}
	for _, at := range places {
		// A rootless engine's groups are its user's, who may not have them all.
		_ = at.take(o.self.PID)
	}
	o.self.groups = nil // they are others now
	return nil
}
