package reach

import (
	"bufio"
	"context"
	"os"
	"strconv"
	"strings"
)

// IsHere reports whether the container's network is the one of this process: a socket at port that the container lists is
// among this process's network's too. It is false if that cannot be found out.
func (n *Network) IsHere(ctx context.Context, port uint16) bool {
	list, err := n.Listening(ctx)
	if err != nil {
		return false
	}
	var own map[uint64]bool
	for _, l := range list {
		if l.Address.Port() != port || l.Inode == 0 {
			continue
		}
		if own == nil {
			own = inodesAt(port)
		}
		if own[l.Inode] {
			return true
		}
	}
	return false
}

// inodesAt returns the sockets of this process's network at a port, proc_pid_net(5).
func inodesAt(port uint16) map[uint64]bool {
	found := make(map[uint64]bool)
	const hexadecimal = 16
	at := ":" + strings.ToUpper(strconv.FormatUint(1<<hexadecimal|uint64(port), hexadecimal)[1:])
	for _, table := range []string{"tcp", "tcp6", "udp", "udp6"} {
		f, err := os.Open("/proc/self/net/" + table)
		if err != nil {
			continue
		}
		for lines := bufio.NewScanner(f); lines.Scan(); {
			const address, inode, fields = 1, 9, 10
			words := strings.Fields(lines.Text())
			if len(words) < fields || !strings.HasSuffix(words[address], at) {
				continue
			}
			if number, err := strconv.ParseUint(words[inode], 10, 64); err == nil {
				found[number] = true
			}
		}
		f.Close()
	}
	return found
}
