// Package sockets is the toolbox's ss and netstat.
package sockets

import (
	"fmt"
	"net"
	"os"
	"regexp"
	"strconv"
	"strings"

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/network/procnet"
	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/tool"
)

// socket is a line of a file in /proc/net.
type socket struct {
	kind             string // tcp, udp, raw, u_str, u_dgr, u_seq
	state            string
	receive, send    uint64 // bytes that wait
	local, peer      string // address
	localPort, peer2 string
	uid              uint32
	inode            string
	six              bool
	timer            string // of ss -o
	address          string // the kernel's, of a UNIX socket
	references       uint64 // to a UNIX socket
}

var states = []string{"", "ESTAB", "SYN-SENT", "SYN-RECV", "FIN-WAIT-1", "FIN-WAIT-2", "TIME-WAIT", "UNCONN", "CLOSE-WAIT", "LAST-ACK", "LISTEN", "CLOSING"}

// inet reads the sockets of a protocol.
func inet(kind string, six bool) (list []socket) {
	file := "/proc/net/" + kind
	if six {
		file += "6"
	}
	eachSocket(file, 10, func(fields []string) {
		s := socket{kind: kind, six: six, inode: fields[9]}
		ip, port := procnet.Address(fields[1])
		peer, peerPort := procnet.Address(fields[2])
		s.local, s.localPort = show(ip, six), port
		s.peer, s.peer2 = show(peer, six), peerPort
		if peerPort == "0" {
			s.peer2 = "*"
		}
		if n, err := strconv.ParseUint(fields[3], 16, 8); err == nil && int(n) < len(states) {
			s.state = states[n]
		}
		send, receive, _ := strings.Cut(fields[4], ":")
		s.send, _ = strconv.ParseUint(send, 16, 64)
		s.receive, _ = strconv.ParseUint(receive, 16, 64)
		uid, _ := strconv.ParseUint(fields[7], 10, 32)
		s.uid = uint32(uid)
		s.timer = timerText(fields[5], fields[6])
		list = append(list, s)
	})
	return list
}

// eachSocket calls use with the fields of each line of a file of /proc/net that has at least so many, but not of the heading.
func eachSocket(file string, least int, use func(fields []string)) {
	f, err := os.Open(file)
	if err != nil {
		return
	}
	defer f.Close()
	first := true
	_ = tool.Lines(f, func(line []byte) bool {
		if fields := strings.Fields(string(line)); !first && len(fields) >= least {
			use(fields)
		}
		first = false
		return true
	})
}

// timerText returns a socket's timer as ss -o shows it: which one, when it ends, and how often it has ended before.
func timerText(timer, again string) string {
	kind, when, _ := strings.Cut(timer, ":")
	name := map[string]string{"01": "on", "02": "keepalive", "03": "timewait", "04": "persist"}[kind]
	n, err := strconv.ParseUint(when, 16, 64)
	if name == "" || err != nil {
		return ""
	}
	tries, _ := strconv.ParseUint(again, 16, 32)
	const ticks = 100 // a second
	left := fmt.Sprintf("%dms", n*1000/ticks)
	if n >= ticks {
		left = fmt.Sprintf("%dsec", n/ticks)
	}
	return fmt.Sprintf("timer:(%s,%s,%d)", name, left, tries)
}

func show(ip net.IP, six bool) string {
	if six {
		if v4 := ip.To4(); v4 != nil {
			return "[::ffff:" + v4.String() + "]"
		}
		return "[" + ip.String() + "]"
	}
	return ip.String()
}

// unixLine is the form of a line of /proc/net/unix, before the path.
var unixLine = regexp.MustCompile(`^[0-9a-f]+: [0-9A-F]{8} [0-9A-F]{8} [0-9A-F]{8} [0-9A-F]{4} [0-9A-F]{2} +\d+( |$)`)

// unixSockets reads UNIX sockets. Their paths may have spaces and newlines: a line in another form belongs to the path before it.
func unixSockets() (list []socket) {
	file, err := os.Open("/proc/net/unix")
	if err != nil {
		return nil
	}
	defer file.Close()
	_ = tool.Lines(file, func(line []byte) bool {
		text := string(line)
		front := unixLine.FindString(text)
		if front == "" {
			if last := len(list) - 1; last >= 0 {
				list[last].local += tool.Printable("\n" + text)
			}
			return true
		}
		fields := strings.Fields(front)
		s := socket{kind: map[string]string{"0001": "u_str", "0002": "u_dgr", "0005": "u_seq"}[fields[4]], inode: fields[6], local: "*", peer: "*", localPort: fields[6], peer2: "0"}
		s.address = strings.TrimSuffix(fields[0], ":")
		s.references, _ = strconv.ParseUint(fields[1], 16, 64)
		flags, _ := strconv.ParseUint(fields[3], 16, 64)
		switch {
		case flags&0x10000 != 0:
			s.state = "LISTEN"
		case fields[5] == "03":
			s.state = "ESTAB"
		default:
			s.state = "UNCONN"
		}
		if path := text[len(front):]; path != "" {
			s.local = tool.Printable(path)
		}
		list = append(list, s)
		return true
	})
	return list
}

// holder is a process that has a socket open.
type holder struct {
	name    string
	pid, fd int
}

// holders returns the processes of each socket, by the socket's inode.
func holders() map[string][]holder {
	found := make(map[string][]holder)
	d, err := os.Open("/proc")
	if err != nil {
		return nil
	}
	defer d.Close()
	names, _ := d.Readdirnames(-1)
	for _, name := range names {
		pid, err := strconv.Atoi(name)
		if err != nil {
			continue
		}
		dir, err := os.Open("/proc/" + name + "/fd")
		if err != nil {
			continue // of another user
		}
		fds, _ := dir.Readdirnames(-1)
		dir.Close()
		comm := ""
		for _, fd := range fds {
			link, _ := os.Readlink("/proc/" + name + "/fd/" + fd)
			inode, ok := strings.CutPrefix(link, "socket:[")
			if !ok {
				continue
			}
			if comm == "" {
				text, _ := os.ReadFile("/proc/" + name + "/comm")
				comm = tool.Printable(strings.TrimSuffix(string(text), "\n"))
			}
			n, _ := strconv.Atoi(fd)
			inode = strings.TrimSuffix(inode, "]")
			found[inode] = append(found[inode], holder{comm, pid, n})
		}
	}
	return found
}
