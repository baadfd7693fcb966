package links

import (
	"os"
	"strconv"
	"strings"

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/network/procnet"
	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/tool"
)

// Route prints the routes of IPv4 as route -n and netstat -r do.
func Route(args []string) int {
	f := tool.Flags("route", "[-n]")
	f.BoolP("numeric", "n", false, "numbers instead of names (the default)")
	if status, ok := tool.Parse(f, args); !ok {
		return status
	}
	text, err := os.ReadFile("/proc/net/route")
	if err != nil {
		return tool.Complain("route", err)
	}
	tool.Println("Kernel IP routing table")
	tool.Printf("%-15s %-15s %-15s %-5s %-6s %-6s %3s %s\n", "Destination", "Gateway", "Genmask", "Flags", "Metric", "Ref", "Use", "Iface")
	for i, line := range strings.Split(string(text), "\n") {
		fields := strings.Fields(line)
		if i == 0 || len(fields) < 8 {
			continue
		}
		flags, _ := strconv.ParseUint(fields[3], 16, 16)
		var letters strings.Builder
		for _, l := range []struct {
			bit    uint64
			letter string
		}{{1, "U"}, {2, "G"}, {4, "H"}, {0x10, "D"}, {0x20, "M"}, {0x200, "!"}} {
			if flags&l.bit != 0 {
				letters.WriteString(l.letter)
			}
		}
		word := func(i int) string { addr, _ := procnet.Address(fields[i] + ":0"); return addr.String() }
		tool.Printf("%-15s %-15s %-15s %-5s %-6s %-6s %3s %s\n", word(1), word(2), word(7), letters.String(), fields[6], fields[4], fields[5], tool.Printable(fields[0]))
	}
	return 0
}
