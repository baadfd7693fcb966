package main

import (
	"net"
	"slices"
	"strconv"
	"strings"

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/files"
	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/network"
	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/run"
	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/tool"
)

// front does what another module's command lacks. It returns the arguments for that command, or the exit status
// of what it did itself; otherwise the status is -1.
func front(name string, args []string) (forCommand []string, status int) {
	switch {
	case name == "ip" && network.ShowsIP(args):
		return nil, network.Ip(args)
	case name == "stty" && len(args) == 1 && args[0] == "size":
		return nil, run.SttySize()
	case name == "tcpdump" && network.CheckFiles() != nil && !numeric(args):
		return nil, tool.Complain(name, network.CheckFiles())
	case name == "mount" && len(args) == 0:
		return nil, files.Mounts()
	case name == "less" || name == "more":
		return pager(args), -1
	}
	return args, -1
}

// numeric reports whether tcpdump's arguments need no names: there is -n, and each word of the filter is a number or one
// of the filter's own words.
func numeric(args []string) bool {
	n := false
	for _, arg := range args {
		n = n || arg == "-n"
	}
	words := strings.Fields("and or not host net port portrange src dst tcp udp icmp icmp6 ip ip6 arp ether proto")
	for i, arg := range args {
		if strings.HasPrefix(arg, "-") || i > 0 && slices.Contains([]string{"-i", "-c", "-s", "-w", "-F"}, args[i-1]) {
			continue
		}
		for word := range strings.FieldsSeq(arg) {
			if net.ParseIP(word) == nil && strings.Trim(word, "0123456789./-()!:") != "" && !slices.Contains(words, word) {
				return false
			}
		}
	}
	return n
}

// pager translates options of less. Lines are wrapped and not numbered, unless the options say so. The terminal's
// own selection works, since the mouse is left alone.
func pager(args []string) []string {
	wrap, numbers := true, false
	out := []string{"--mousemode=select", "--no-statusbar=false", "--colors=16"}
	var rest []string
	for i, arg := range args {
		if arg == "--" {
			rest = append(rest, args[i:]...)
			break
		}
		switch {
		case arg == "+F" || arg == "+f":
			out = append(out, "--follow")
		case arg == "+G":
			rest = append(rest, "+"+strconv.Itoa(1<<30))
		case strings.HasPrefix(arg, "--") || len(arg) < 2 || arg[0] != '-':
			rest = append(rest, arg)
		default:
			for _, letter := range arg[1:] {
				switch letter {
				case 'S':
					wrap = false
				case 'N':
					numbers = true
				case 'F':
					out = append(out, "--quit-if-one-screen")
				case 'X':
					out = append(out, "--no-clear-on-exit")
				}
			}
		}
	}
	if wrap {
		out = append(out, "--wrap")
	}
	if !numbers {
		out = append(out, "--no-linenumbers")
	}
	return append(out, rest...)
}
