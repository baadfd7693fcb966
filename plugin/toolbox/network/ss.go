package network

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/pflag"

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/accounts"
	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/tool"
)

// selection is which sockets ss and netstat print.
type selection struct {
	tcp, udp, raw, unix                  bool
	listening, all, four, six            bool
	processes, extended, noTitle, routes bool
	timers                               bool
}

// sockets returns the sockets of a selection.
func (s *selection) sockets() (list []socket) {
	for _, kind := range []struct {
		name   string
		wanted bool
	}{{"udp", s.udp}, {"raw", s.raw}, {"tcp", s.tcp}} {
		if !kind.wanted {
			continue
		}
		if !s.six {
			list = append(list, inet(kind.name, false)...)
		}
		if !s.four {
			list = append(list, inet(kind.name, true)...)
		}
	}
	if s.unix && !s.four && !s.six {
		list = append(list, unixSockets()...)
	}
	return slices.DeleteFunc(list, func(k socket) bool {
		listens := k.state == "LISTEN" || k.state == "UNCONN"
		return !s.all && listens != s.listening
	})
}

// addTo adds the flags that ss and netstat both have by the same names.
func (s *selection) addTo(f *pflag.FlagSet) {
	f.BoolVarP(&s.tcp, "tcp", "t", false, "TCP")
	f.BoolVarP(&s.udp, "udp", "u", false, "UDP")
	f.BoolVarP(&s.raw, "raw", "w", false, "raw sockets")
	f.BoolVarP(&s.unix, "unix", "x", false, "UNIX sockets")
	f.BoolVarP(&s.listening, "listening", "l", false, "sockets that listen")
	f.BoolVarP(&s.all, "all", "a", false, "all sockets")
	f.BoolP("numeric", "n", false, "numbers instead of names (the default)")
}

// Ss prints sockets.
func Ss(args []string) int {
	s := selection{}
	f := tool.Flags("ss", "[-tuwxlanp46eoHs] [FILTER]")
	s.addTo(f)
	f.BoolVarP(&s.processes, "processes", "p", false, "the processes that have them open")
	f.BoolVarP(&s.four, "ipv4", "4", false, "IPv4")
	f.BoolVarP(&s.six, "ipv6", "6", false, "IPv6")
	f.BoolVarP(&s.extended, "extended", "e", false, "users and inodes")
	f.BoolVarP(&s.noTitle, "no-header", "H", false, "no titles")
	summary := f.BoolP("summary", "s", false, "numbers of sockets only")
	f.BoolVarP(&s.timers, "options", "o", false, "timers")
	f.BoolP("oneline", "O", false, "a line for each (the default)")
	if status, ok := tool.Parse(f, args); !ok {
		return status
	}
	if !s.tcp && !s.udp && !s.raw && !s.unix {
		s.tcp, s.udp, s.raw, s.unix = true, true, true, !s.four && !s.six
	}
	filter, anyState, err := newSocketFilter(f.Args())
	if err != nil {
		return tool.Complain("ss", err)
	}
	s.all = s.all || anyState
	if *summary {
		s.all = true
		return socketSummary(&s)
	}
	var open map[string][]holder
	if s.processes {
		open = holders()
	}
	title := []string{"Netid", "State", "Recv-Q", "Send-Q", "Local Address:Port", "Peer Address:Port", "Process"}
	var rows [][]string
	if !s.noTitle {
		rows = append(rows, title)
	}
	several := !(s.tcp && !s.udp && !s.raw && !s.unix || s.udp && !s.tcp && !s.raw && !s.unix)
	for _, k := range s.sockets() {
		passing := k.state == "TIME-WAIT" || k.state == "SYN-RECV" // shown by -a only
		if passing && !s.all || !filter.meets(&k) {
			continue
		}
		receive, send := k.receive, k.send
		row := []string{
			k.kind, k.state, strconv.FormatUint(receive, 10), strconv.FormatUint(send, 10),
			starred(k.local) + ":" + k.localPort, starred(k.peer) + ":" + k.peer2, k.note(&s, open),
		}
		rows = append(rows, row)
	}
	if !several {
		for i := range rows {
			rows[i] = rows[i][1:]
		}
	}
	tool.Table(rows)
	return 0
}

func starred(ip string) string {
	if ip == "[::]" || ip == "0.0.0.0" || ip == "*" {
		return map[string]string{"[::]": "[::]", "0.0.0.0": "0.0.0.0", "*": "*"}[ip]
	}
	return ip
}

// note is the last column.
func (k *socket) note(s *selection, open map[string][]holder) string {
	var notes []string
	if list := open[k.inode]; len(list) > 0 {
		var users []string
		for _, h := range list {
			users = append(users, fmt.Sprintf("(%q,pid=%d,fd=%d)", h.name, h.pid, h.fd))
		}
		notes = append(notes, "users:("+strings.Join(users, ",")+")")
	}
	if s.timers && k.timer != "" {
		notes = append(notes, k.timer)
	}
	if s.extended {
		notes = append(notes, fmt.Sprintf("uid:%s ino:%s", tool.Printable(accounts.Users().Name(k.uid)), k.inode))
	}
	return strings.Join(notes, " ")
}

func socketSummary(s *selection) int {
	counts := make(map[string]int)
	established := 0
	for _, k := range s.sockets() {
		counts[k.kind]++
		if k.kind == "tcp" && k.state == "ESTAB" {
			established++
		}
	}
	fmt.Printf("TCP:   %d (estab %d)\nUDP:   %d\nRAW:   %d\nUNIX:  %d\n", counts["tcp"], established, counts["udp"], counts["raw"],
		counts["u_str"]+counts["u_dgr"]+counts["u_seq"])
	return 0
}

// Netstat prints sockets, routes or interfaces.
func Netstat(args []string) int {
	s := selection{}
	f := tool.Flags("netstat", "[-tuwxlanp46] | -r | -i")
	s.addTo(f)
	f.BoolVarP(&s.processes, "programs", "p", false, "the processes that have them open")
	f.BoolVarP(&s.four, "inet", "4", false, "IPv4")
	f.BoolVarP(&s.six, "inet6", "6", false, "IPv6")
	f.BoolVarP(&s.routes, "route", "r", false, "routes")
	interfaces := f.BoolP("interfaces", "i", false, "interfaces")
	f.BoolP("wide", "W", false, "whole addresses (the default)")
	f.BoolVarP(&s.extended, "extend", "e", false, "users and inodes")
	if status, ok := tool.Parse(f, args); !ok {
		return status
	}
	switch {
	case s.routes:
		return Route(nil)
	case *interfaces:
		return Ip([]string{"-s", "link"})
	}
	if !s.tcp && !s.udp && !s.raw && !s.unix {
		s.tcp, s.udp, s.raw, s.unix = true, true, true, true
	}
	open := holders()
	rows := [][]string{{"Proto", "Recv-Q", "Send-Q", "Local Address", "Foreign Address", "State", "User", "Inode", "PID/Program name"}}
	for _, k := range s.sockets() {
		name := k.kind
		if k.six {
			name += "6"
		}
		program := "-"
		if list := open[k.inode]; len(list) > 0 {
			program = fmt.Sprintf("%d/%s", list[0].pid, list[0].name)
		}
		state := map[string]string{"ESTAB": "ESTABLISHED", "UNCONN": ""}[k.state]
		if state == "" && k.state != "UNCONN" {
			state = strings.ReplaceAll(k.state, "-", "_")
		}
		local, peer := strings.Trim(k.local, "[]")+":"+k.localPort, strings.Trim(k.peer, "[]")+":"+k.peer2
		if strings.HasPrefix(k.kind, "u_") {
			local, peer = k.local, ""
		}
		rows = append(rows, []string{name, strconv.FormatUint(k.receive, 10), strconv.FormatUint(k.send, 10), local, peer, state, tool.Printable(accounts.Users().Name(k.uid)), k.inode, program})
	}
	for i, row := range rows {
		shown := row[:6:6]
		if s.extended {
			shown = append(shown, row[6:8]...)
		}
		if s.processes {
			shown = append(shown, row[8])
		}
		rows[i] = shown
	}
	tool.Table(rows)
	return 0
}

// SocketNames describes each socket as lsof does, by its inode.
func SocketNames() map[string]string {
	s := selection{tcp: true, udp: true, raw: true, unix: true, all: true}
	names := make(map[string]string)
	for _, k := range s.sockets() {
		if strings.HasPrefix(k.kind, "u_") {
			names[k.inode] = k.local
			continue
		}
		text := strings.ToUpper(k.kind) + " " + k.local + ":" + k.localPort
		if k.peer2 != "*" {
			text += "->" + k.peer + ":" + k.peer2
		}
		names[k.inode] = text + " (" + k.state + ")"
	}
	return names
}
