// Package filter compiles expressions of pcap-filter(7), the language of tcpdump, to programs of the kernel's packet
// filter.
package filter

import (
	"fmt"
	"net"
	"regexp"
	"strings"
)

var (
	blank   = regexp.MustCompile(`^[ \t\r\n]+`)
	address = regexp.MustCompile(`^[0-9a-fA-F]*:[0-9a-fA-F:]*:[0-9a-fA-F:.]*`)
	word    = regexp.MustCompile(`^\\?[A-Za-z0-9]([-_.A-Za-z0-9]*[.A-Za-z0-9])?`)
	sign    = regexp.MustCompile(`^(&&|\|\||!=|==|<=|>=|<<|>>|[][()!&|^+*/%<>=:-])`)
)

// split splits an expression into its words and signs.
func split(text string) (words []string, err error) {
	for {
		text = text[len(blank.FindString(text)):]
		if text == "" {
			return words, nil
		}
		found := address.FindString(text)
		if !isAddress(found) {
			found = word.FindString(text)
		}
		if found == "" {
			found = sign.FindString(text)
		}
		if found == "" {
			return nil, fmt.Errorf("the filter has an unexpected %q", text[:1])
		}
		words, text = append(words, found), text[len(found):]
	}
}

// isAddress reports whether a text is an address of IPv6 or of Ethernet: in 2:2, the sign stands for itself.
func isAddress(text string) bool { return net.ParseIP(text) != nil || mac(text) != nil }

// mac parses an address of Ethernet, whose bytes may have one digit.
func mac(text string) net.HardwareAddr {
	parts := strings.Split(text, ":")
	if len(parts) != 6 {
		return nil
	}
	for i, part := range parts {
		if len(part) == 1 {
			parts[i] = "0" + part
		}
	}
	found, err := net.ParseMAC(strings.Join(parts, ":"))
	if err != nil {
		return nil
	}
	return found
}

// protocol is what a word such as tcp stands for.
type protocol struct {
	ether  uint32 // the type of Ethernet's payload, or 0
	number int    // of IP's payload, or -1
	four   bool   // IPv4 has it
	six    bool   // IPv6 has it
}

var protocols = map[string]protocol{
	"ether": {number: -1}, "link": {number: -1},
	"ip": {ether: typeIP, number: -1}, "ip6": {ether: typeIP6, number: -1}, "arp": {ether: typeARP, number: -1}, "rarp": {ether: typeRARP, number: -1},
	"icmp": {number: 1, four: true}, "igmp": {number: 2, four: true}, "icmp6": {number: 58, six: true},
	"tcp": {number: 6, four: true, six: true}, "udp": {number: 17, four: true, six: true}, "sctp": {number: 132, four: true, six: true},
	"esp": {number: 50, four: true, six: true}, "ah": {number: 51, four: true, six: true}, "pim": {number: 103, four: true, six: true},
	"vrrp": {number: 112, four: true}, "igrp": {number: 9, four: true},
}

// The types of Ethernet's payloads.
const (
	typeIP   = 0x0800
	typeARP  = 0x0806
	typeRARP = 0x8035
	typeIP6  = 0x86dd
)

// constants are the names of numbers in arithmetic.
var constants = map[string]uint32{
	"tcpflags": 13, "tcp-fin": 1, "tcp-syn": 2, "tcp-rst": 4, "tcp-push": 8, "tcp-ack": 16, "tcp-urg": 32, "tcp-ece": 64, "tcp-cwr": 128,
	"icmptype": 0, "icmpcode": 1, "icmp-echoreply": 0, "icmp-unreach": 3, "icmp-sourcequench": 4, "icmp-redirect": 5, "icmp-echo": 8,
	"icmp-routeradvert": 9, "icmp-routersolicit": 10, "icmp-timxceed": 11, "icmp-paramprob": 12, "icmp-tstamp": 13, "icmp-tstampreply": 14,
	"icmp6type": 0, "icmp6code": 1, "icmp6-destinationunreach": 1, "icmp6-packettoobig": 2, "icmp6-timeexceeded": 3, "icmp6-parameterproblem": 4,
	"icmp6-echo": 128, "icmp6-echoreply": 129, "icmp6-routersolicit": 133, "icmp6-routeradvert": 134, "icmp6-neighborsolicit": 135,
	"icmp6-neighboradvert": 136, "icmp6-redirect": 137,
}

// reserved are words that are no names of hosts.
var reserved = map[string]bool{
	"and": true, "or": true, "not": true, "src": true, "dst": true, "host": true, "net": true, "port": true, "portrange": true, "proto": true,
	"mask": true, "less": true, "greater": true, "broadcast": true, "multicast": true, "len": true,
}

// unsupported are words of libpcap's that are not known here.
var unsupported = map[string]bool{
	"gateway": true, "protochain": true, "vlan": true, "mpls": true, "pppoed": true, "pppoes": true, "geneve": true, "inbound": true, "outbound": true,
	"ifname": true, "on": true, "wlan": true, "decnet": true, "iso": true, "atalk": true, "llc": true, "ra": true, "ta": true, "addr1": true,
}
