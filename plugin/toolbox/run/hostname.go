package run

import (
	"fmt"
	"net"
	"os"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/network/lookup"
	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/tool"
)

// Hostname prints the host's name or its addresses, or sets the name. A word that begins with "-" is never taken for a
// name.
func Hostname(args []string) int {
	f := tool.Flags("hostname", "[-sfdiI] [NAME]")
	short := f.BoolP("short", "s", false, "up to the first dot")
	f.BoolP("fqdn", "f", false, "the whole name, as the kernel has it")
	domain := f.BoolP("domain", "d", false, "what follows the first dot")
	address := f.BoolP("ip-address", "i", false, "the addresses of the name")
	addresses := f.BoolP("all-ip-addresses", "I", false, "the addresses of all interfaces")
	if status, ok := tool.Parse(f, args); !ok {
		return status
	}
	if f.NArg() > 0 {
		if f.NArg() > 1 || f.NFlag() > 0 {
			return tool.Misused(f)
		}
		if err := unix.Sethostname([]byte(f.Arg(0))); err != nil {
			return tool.Complain("hostname", fmt.Errorf("set the name: %w", err))
		}
		return 0
	}
	name, err := os.Hostname()
	if err != nil {
		return tool.Complain("hostname", err)
	}
	first, rest, _ := strings.Cut(name, ".")
	switch {
	case *short:
		name = first
	case *domain:
		name = rest
	case *address:
		list, err := lookupHost(name)
		if err != nil {
			return tool.Complain("hostname", err)
		}
		name = strings.Join(list, " ")
	case *addresses:
		name, err = ownAddresses()
		if err != nil {
			return tool.Complain("hostname", err)
		}
	}
	tool.Println(name)
	return 0
}

func lookupHost(name string) ([]string, error) {
	if err := lookup.CheckFiles(); err != nil {
		return nil, err
	}
	return net.LookupHost(name)
}

// ownAddresses returns the addresses of all interfaces but the loopback, separated by spaces.
func ownAddresses() (string, error) {
	list, err := net.InterfaceAddrs()
	if err != nil {
		return "", err
	}
	var shown []string
	for _, a := range list {
		if ip, ok := a.(*net.IPNet); ok && !ip.IP.IsLoopback() && !ip.IP.IsLinkLocalUnicast() {
			shown = append(shown, ip.IP.String())
		}
	}
	return strings.Join(shown, " "), nil
}
