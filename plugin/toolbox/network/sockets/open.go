package sockets

import "strings"

// Open is how lsof shows a socket.
type Open struct {
	Kind     string // IPv4, IPv6 or unix
	Protocol string // TCP, UDP or RAW; nothing for a UNIX socket
	State    string // of a TCP socket, or nothing
	Device   string // the kernel's address of a UNIX socket
	Name     string // the addresses, or the path, without the state
}

// longStates are the states' names in netstat and lsof, where they are not those of ss.
var longStates = map[string]string{
	"ESTAB": "ESTABLISHED", "UNCONN": "CLOSE", "FIN-WAIT-1": "FIN_WAIT1", "FIN-WAIT-2": "FIN_WAIT2",
}

// longState returns the name of a TCP socket's state in netstat and lsof.
func longState(state string) string {
	if name := longStates[state]; name != "" {
		return name
	}
	return strings.ReplaceAll(state, "-", "_")
}

// Opened returns all sockets by their inodes.
func Opened() map[string]Open {
	s := selection{tcp: true, udp: true, raw: true, unix: true, all: true}
	found := make(map[string]Open)
	for _, k := range s.sockets() {
		found[k.inode] = k.opened()
	}
	return found
}

func (k *socket) opened() Open {
	if strings.HasPrefix(k.kind, "u_") {
		o := Open{Kind: "unix", Device: "0x" + k.address}
		if k.local != "*" {
			o.Name = k.local + " "
		}
		o.Name += "type=" + map[string]string{"u_str": "STREAM", "u_dgr": "DGRAM", "u_seq": "SEQPACKET"}[k.kind]
		o.Name += " (" + map[string]string{"LISTEN": "LISTEN", "ESTAB": "CONNECTED", "UNCONN": "UNCONNECTED"}[k.state] + ")"
		return o
	}
	o := Open{Kind: "IPv4", Protocol: strings.ToUpper(k.kind), Device: k.inode, Name: anywhere(k.local) + ":" + anyPort(k.localPort)}
	if k.six {
		o.Kind = "IPv6"
	}
	if k.peer2 != "*" {
		o.Name += "->" + k.peer + ":" + k.peer2
	}
	if k.kind == "tcp" {
		o.State = longState(k.state)
	}
	return o
}

func anywhere(address string) string {
	if address == "0.0.0.0" || address == "[::]" {
		return "*"
	}
	return address
}

func anyPort(port string) string {
	if port == "0" {
		return "*"
	}
	return port
}
