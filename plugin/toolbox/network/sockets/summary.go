package sockets

import (
	"os"
	"strconv"
	"strings"

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/tool"
)

// counters reads /proc/net/sockstat and its like: lines of a protocol with names and numbers.
func counters(file string) map[string]int {
	found := make(map[string]int)
	text, err := os.ReadFile(file)
	if err != nil {
		return found
	}
	for line := range strings.Lines(string(text)) {
		protocol, rest, _ := strings.Cut(line, ":")
		fields := strings.Fields(rest)
		for i := 0; i+1 < len(fields); i += 2 {
			found[protocol+" "+fields[i]], _ = strconv.Atoi(fields[i+1])
		}
	}
	return found
}

// established reads the number of connections from /proc/net/snmp, whose first line of a protocol has the names.
func established() int {
	text, err := os.ReadFile("/proc/net/snmp")
	if err != nil {
		return 0
	}
	var names []string
	for line := range strings.Lines(string(text)) {
		fields := strings.Fields(line)
		if len(fields) == 0 || fields[0] != "Tcp:" {
			continue
		}
		if names == nil {
			names = fields
			continue
		}
		for i, name := range names {
			if name == "CurrEstab" && i < len(fields) {
				n, _ := strconv.Atoi(fields[i])
				return n
			}
		}
	}
	return 0
}

// summary prints the numbers of sockets, as ss -s does.
func summary() int {
	four, six := counters("/proc/net/sockstat"), counters("/proc/net/sockstat6")
	waiting, all := four["TCP tw"], four["TCP alloc"]
	tool.Printf("Total: %d\nTCP:   %d (estab %d, closed %d, orphaned %d, timewait %d)\n\n", four["sockets used"], all+waiting, established(),
		all-(four["TCP inuse"]+six["TCP6 inuse"]-waiting), four["TCP orphan"], waiting)
	tool.Println("Transport Total     IP        IPv6")
	row := func(name string, a, b int) { tool.Printf("%s\t  %-9d %-9d %-9d\n", name, a+b, a, b) }
	names := []string{"RAW", "UDP", "TCP"}
	sum4, sum6 := 0, 0
	for _, name := range names {
		a, b := four[name+" inuse"], six[name+"6 inuse"]
		row(name, a, b)
		sum4, sum6 = sum4+a, sum6+b
	}
	row("INET", sum4, sum6)
	row("FRAG", four["FRAG inuse"], six["FRAG6 inuse"])
	tool.Println()
	return 0
}
