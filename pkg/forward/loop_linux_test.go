package forward_test

import (
	"context"
	"errors"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/nsjoin/docker-nsjoin/pkg/forward"
	"github.com/nsjoin/docker-nsjoin/pkg/sockets"
)

// here is the network of this process, as of a container with --network host.
type here struct{ *network }

func (h *here) Listening(context.Context) ([]sockets.Listening, error) {
	table, err := os.ReadFile("/proc/self/net/tcp")
	var list []sockets.Listening
	for line := range strings.Lines(string(table)) {
		words := strings.Fields(line)
		_, port, ok := strings.Cut(words[1], ":")
		if !ok || words[3] != "0A" {
			continue
		}
		number, _ := strconv.ParseUint(port, 16, 16)
		inode, _ := strconv.ParseUint(words[9], 10, 64)
		at := netip.AddrPortFrom(netip.IPv4Unspecified(), uint16(number))
		list = append(list, sockets.Listening{Network: "tcp", Address: at, Inode: inode})
	}
	return list, err
}

// A forward to the port that it listens on itself is refused: one connection would make others without end.
func TestLoop(t *testing.T) {
	for name, at := range map[string]string{"own": "", "localhost": "localhost:", "an address": "127.0.0.1:"} {
		for _, reverse := range []string{"", "-R"} {
			c := start(t, forward.Options{}, reverse+"127.0.0.1:18080:"+at+"18080")
			n := newNetwork()
			n.inPlace = &here{n}
			c.source.next <- n
			if loop, ok := errors.AsType[*forward.LoopError](c.end()); !ok || loop.Port != 18080 {
				t.Errorf("%s %s: %v", name, reverse, loop)
			}
		}
	}
}
