//go:build linux

package observe

import (
	"fmt"
	"os"
)

// leaveContainer makes a helper that runs in its own container as much a process of the host as possible. The
// process that started it, the container's shim, is the source of the host's namespaces, and the helper moves
// to the shim's cgroups. There it may use all devices, and it may leave processes behind when it ends.
func (o *Observation) leaveContainer() error {
	host, err := OpenProcess(os.Getppid())
	if err != nil {
		return fmt.Errorf("the engine's host: %w", err)
	}
	o.Processes[host.PID] = host
	if err := host.OpenNamespaces(); err != nil {
		return fmt.Errorf("the engine's host: %w", err)
	}
	o.host = host
	o.Facts.Host = host.Facts()
	groups, err := host.cgroupsToJoin(o.self, "", nil)
	if err != nil {
		return err
	}
	dirs, err := findCgroupDirs(groups, []*Process{host})
	if err != nil {
		return err
	}
	for _, dir := range dirs {
		// A rootless engine's user may not have write access to all groups.
		_ = dir.addProcess(o.self.PID)
	}
	o.self.groups = nil // read them again
	return nil
}
