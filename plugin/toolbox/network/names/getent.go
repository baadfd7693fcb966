// Package names is the toolbox's getent.
package names

import (
	"context"
	"fmt"
	"net"
	"strconv"
	"strings"

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/accounts"
	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/network/lookup"
	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/tool"
)

// The statuses of getent(1).
const (
	misused  = 1
	notFound = 2
)

// Getent prints entries of the container's databases of names.
func Getent(args []string) int {
	f := tool.Flags("getent", "passwd|group|hosts|ahosts|ahostsv4|ahostsv6|services [NAME...]")
	if status, ok := tool.Parse(f, args); !ok {
		return status
	}
	if f.NArg() == 0 {
		return tool.Misused(f)
	}
	var one func(key string) (lines []string)
	switch database, keys := f.Arg(0), f.Args()[1:]; database {
	case "passwd", "group":
		table := accounts.Users()
		if database == "group" {
			table = accounts.Groups()
		}
		if len(keys) == 0 {
			for _, fields := range table.Lines() {
				tool.Println(tool.Printable(strings.Join(fields, ":")))
			}
			return 0
		}
		one = func(key string) []string { return entry(table, key) }
	case "hosts":
		if len(keys) == 0 {
			return allHosts()
		}
		one = hosts
	case "ahosts", "ahostsv4", "ahostsv6":
		network := map[string]string{"ahosts": "ip", "ahostsv4": "ip4", "ahostsv6": "ip6"}[database]
		one = func(key string) []string { return addresses(network, key) }
	case "services":
		one = service
	default:
		tool.Complain("getent", fmt.Errorf("unknown database: %s", database))
		return misused
	}
	status := 0
	for _, key := range f.Args()[1:] {
		lines := one(key)
		if lines == nil {
			status = notFound
		}
		for _, line := range lines {
			tool.Println(tool.Printable(line))
		}
	}
	return status
}

// entry returns the line of a user or a group, by name or number.
func entry(table accounts.Table, key string) []string {
	fields := table.Line(0, key)
	if _, err := strconv.ParseUint(key, 10, 32); fields == nil && err == nil {
		fields = table.Line(2, key)
	}
	if fields == nil {
		return nil
	}
	return []string{strings.Join(fields, ":")}
}

// hosts returns the addresses of a name, those of IPv6 if there are any, or the names of an address.
func hosts(key string) (lines []string) {
	if lookup.CheckFiles() != nil {
		return nil
	}
	if net.ParseIP(key) != nil {
		names, err := net.DefaultResolver.LookupAddr(context.Background(), key)
		if err != nil || len(names) == 0 {
			return nil
		}
		for i := range names {
			names[i] = strings.TrimSuffix(names[i], ".")
		}
		return []string{fmt.Sprintf("%-15s %s", key, strings.Join(names, " "))}
	}
	for _, network := range []string{"ip6", "ip4"} {
		list, err := net.DefaultResolver.LookupIP(context.Background(), network, key)
		if err != nil {
			continue
		}
		for _, ip := range list {
			lines = append(lines, fmt.Sprintf("%-15s %s", ip, key))
		}
		return lines
	}
	return nil
}

// addresses returns all addresses of a name, with the kinds of sockets that can be connected to them.
func addresses(network, key string) (lines []string) {
	if lookup.CheckFiles() != nil {
		return nil
	}
	list, err := net.DefaultResolver.LookupIP(context.Background(), network, key)
	if err != nil {
		return nil
	}
	name := key
	for _, ip := range list {
		for _, kind := range []string{"STREAM", "DGRAM", "RAW"} {
			lines = append(lines, strings.TrimRight(fmt.Sprintf("%-15s %-6s %s", ip, kind, name), " "))
			name = ""
		}
	}
	return lines
}

// allHosts prints what is in /etc/hosts.
func allHosts() int {
	text, err := accounts.ReadFile("/etc/hosts")
	if err != nil {
		return notFound
	}
	for line := range strings.Lines(text) {
		line, _, _ = strings.Cut(line, "#")
		if fields := strings.Fields(line); len(fields) > 1 {
			tool.Println(tool.Printable(fmt.Sprintf("%-15s %s", fields[0], strings.Join(fields[1:], " "))))
		}
	}
	return 0
}

// service returns the entry of a service, such as http or 80/tcp.
func service(key string) []string {
	name, protocol, given := strings.Cut(key, "/")
	for _, one := range []string{"tcp", "udp"} {
		if given && one != protocol {
			continue
		}
		port, err := lookup.ServiceOf(name, one)
		if err != nil {
			continue
		}
		return []string{fmt.Sprintf("%-21s %d/%s", lookup.Port(port, one), port, one)}
	}
	return nil
}
