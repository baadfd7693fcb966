package procs

import "github.com/nsjoin/docker-nsjoin/plugin/toolbox/network/sockets"

// socketNames returns what lsof prints of each socket, by its inode.
func socketNames() map[string]string { return sockets.Names() }
