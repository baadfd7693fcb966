package sockets

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/accounts"
	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/network/links"
	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/tool"
)

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
		return links.Route(nil)
	case *interfaces:
		return links.Ip([]string{"-s", "link"})
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
