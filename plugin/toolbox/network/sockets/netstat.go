package sockets

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"path"
	"strconv"
	"strings"

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/accounts"
	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/network/links"
	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/tool"
)

// netstat is a call of netstat that prints sockets.
type netstat struct {
	selection
	out  *bufio.Writer
	open map[string][]holder
}

// Netstat prints sockets, routes or interfaces.
func Netstat(args []string) int {
	s := &netstat{}
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
	out, flush := tool.Output()
	defer flush()
	switch {
	case s.routes:
		return links.Route(nil)
	case *interfaces:
		return links.Counters(out, s.all)
	}
	if !s.tcp && !s.udp && !s.raw && !s.unix {
		s.tcp, s.udp, s.raw, s.unix = true, true, true, !s.four && !s.six
	}
	if s.out = out; s.processes {
		s.open = holders()
	}
	if s.tcp || s.udp || s.raw {
		s.internet()
	}
	if s.unix {
		s.local()
	}
	return 0
}

// which says which sockets are shown.
func (s *netstat) which() string {
	switch {
	case s.all:
		return "(servers and established)"
	case s.listening:
		return "(only servers)"
	}
	return "(w/o servers)"
}

// shows reports whether a socket is to be shown.
func (s *netstat) shows(listens bool) bool { return s.all || listens == s.listening }

func (s *netstat) internet() {
	fmt.Fprintf(s.out, "Active Internet connections %s\n%-5s %6s %6s %-23s %-23s %-11s", s.which(), "Proto", "Recv-Q", "Send-Q", "Local Address", "Foreign Address", "State")
	if s.extended {
		fmt.Fprintf(s.out, " %-10s %-10s", "User", "Inode")
	}
	s.column("PID/Program name")
	s.out.WriteString("\n")
	for _, kind := range []string{"tcp", "udp", "raw"} {
		if !map[string]bool{"tcp": s.tcp, "udp": s.udp, "raw": s.raw}[kind] {
			continue
		}
		for _, six := range []bool{false, true} {
			if six && s.four || !six && s.six {
				continue
			}
			for _, k := range inet(kind, six) {
				if s.shows(k.peer2 == "*") {
					s.connection(&k)
				}
			}
		}
	}
}

// connection prints a socket of the internet.
func (s *netstat) connection(k *socket) {
	name, state := k.kind, longState(k.state)
	if k.six {
		name += "6"
	}
	if k.kind != "tcp" && k.state == "UNCONN" {
		state = map[string]string{"raw": "7"}[k.kind]
	}
	local, peer := strings.Trim(k.local, "[]")+":"+k.localPort, strings.Trim(k.peer, "[]")+":"+k.peer2
	fmt.Fprintf(s.out, "%-4s  %6d %6d %-23s %-23s %-11s", name, k.receive, k.send, local, peer, state)
	if s.extended {
		fmt.Fprintf(s.out, " %-10s %-10s", tool.Printable(accounts.Users().Name(k.uid)), k.inode)
	}
	s.program(k)
	s.out.WriteString("\n")
}

func (s *netstat) local() {
	fmt.Fprintf(s.out, "Active UNIX domain sockets %s\n%-5s %-6s %-11s %-10s %-13s %-8s", s.which(), "Proto", "RefCnt", "Flags", "Type", "State", "I-Node")
	s.column("PID/Program name")
	s.out.WriteString(" Path\n")
	for _, k := range unixSockets() {
		flags := "[ ]"
		if k.state == "LISTEN" {
			flags = "[ ACC ]"
		}
		if !s.shows(k.state == "LISTEN") {
			continue
		}
		kind := map[string]string{"u_str": "STREAM", "u_dgr": "DGRAM", "u_seq": "SEQPACKET"}[k.kind]
		state := map[string]string{"LISTEN": "LISTENING", "ESTAB": "CONNECTED"}[k.state]
		fmt.Fprintf(s.out, "%-5s %-6d %-11s %-10s %-13s %-8s", "unix", k.references, flags, kind, state, k.inode)
		s.program(&k)
		name := k.local
		if name == "*" {
			name = ""
		}
		fmt.Fprintf(s.out, " %s\n", name)
	}
}

func (s *netstat) program(k *socket) {
	text := "-"
	if list := s.open[k.inode]; len(list) > 0 {
		const most = 19
		text = strconv.Itoa(list[0].pid) + "/" + programName(list[0])
		text = text[:min(len(text), most)]
	}
	s.column(text)
}

// column prints the column of programs, if there is one.
func (s *netstat) column(text string) {
	if s.processes {
		fmt.Fprintf(s.out, " %-20s", text)
	}
}

// programName returns the name that a process was started by, without the directory.
func programName(h holder) string {
	text, err := os.ReadFile("/proc/" + strconv.Itoa(h.pid) + "/cmdline")
	if first, _, _ := bytes.Cut(text, []byte{0}); err == nil && len(first) > 0 {
		name := string(first)
		if before, _, ok := strings.Cut(name, " "); ok && !strings.HasPrefix(name, "/") { // a title such as "nginx: master process /usr/sbin/nginx"
			return tool.Printable(name[strings.LastIndexByte(before, '/')+1:])
		}
		return tool.Printable(path.Base(name))
	}
	return h.name
}
