package main

import (
	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/files/space"
	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/network/links"
	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/run"
)

// front does what another module's command lacks. It returns the arguments for that command, or the exit status
// of what it did itself; otherwise the status is -1.
func front(name string, args []string) (forCommand []string, status int) {
	switch {
	case name == "ip" && links.ShowsIP(args):
		return nil, links.Ip(args)
	case name == "dd":
		return run.DdNumbers(args), -1
	case name == "mount" && len(args) == 0:
		return nil, space.Mounts()
	}
	return args, -1
}
