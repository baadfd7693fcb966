//go:build linux

package observe

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/pkg/ns"
	"github.com/nsjoin/docker-nsjoin/pkg/procfs"
	"github.com/nsjoin/docker-nsjoin/pkg/sockets/message"
)

// Limits of the search for sockets that wait, which a container's root can make many of.
const (
	maxSocketLines    = 1 << 17 // lines of one table that are read
	maxListeningLinks = 1 << 16 // descriptors that are looked at for the programs
	maxListeningNames = 1 << 12 // processes
)

// Listening returns the sockets of process pid's network that wait for connections or packets, and if programs is set the
// programs that have them open, for which all of /proc is read. pid is one of o.Processes. It reads the tables of the process
// itself, so nothing is joined.
func (o *Observation) Listening(pid int, programs bool) ([]message.Waiting, error) {
	p := o.Processes[pid]
	if p == nil {
		p = o.host
	}
	l := listening{of: make(map[uint64]int)}
	for _, table := range []string{"tcp", "tcp6", "udp", "udp6"} {
		if err := l.readInet(p, table); err != nil {
			return nil, err
		}
	}
	if err := l.readUnix(p); err != nil {
		return nil, err
	}
	if programs {
		l.findPrograms(p.IDs[ns.Net])
	}
	return l.found, nil
}

type listening struct {
	found []message.Waiting
	of    map[uint64]int // indexes in found, by the socket's inode
}

func (l *listening) add(s message.Waiting, inode uint64) bool {
	if len(l.found) == message.MaxListening {
		return false
	}
	l.of[inode] = len(l.found)
	s.Inode = inode
	l.found = append(l.found, s)
	return true
}

// readInet reads a table as proc_pid_net(5) describes it. A kernel without IPv6 has no table of it.
func (l *listening) readInet(p *Process, table string) error {
	lines := 0
	network, _ := strings.CutSuffix(table, "6")
	return ifThere(p.readLines("net/"+table, func(line string) bool {
		const address, state, inode, fields = 1, 3, 9, 10
		lines++
		f := strings.Fields(line)
		if lines == 1 || len(f) < fields {
			return true
		}
		waits := f[state] == "0A" // TCP_LISTEN
		if network == "udp" {
			waits = f[state] == "07" // TCP_CLOSE: not connected
		} else if !waits {
			return false // the kernel lists those that listen first
		}
		at, ok := parseAddress(f[address])
		number, err := strconv.ParseUint(f[inode], 10, 64)
		if !waits || !ok || err != nil {
			return lines < maxSocketLines
		}
		return l.add(message.Waiting{Network: network, Address: at}, number)
	}))
}

// readUnix reads the table of UNIX sockets. It has the names of those that another process of the network has bound in
// another file system, too.
func (l *listening) readUnix(p *Process) error {
	lines := 0
	return ifThere(p.readLines("net/unix", func(line string) bool {
		const flags, inode, name, fields = 3, 6, 7, 8
		const accepts = 0x10000 // __SO_ACCEPTCON
		lines++
		var f []string
		for rest := line; rest != "" && len(f) < fields; {
			word, after, _ := strings.Cut(strings.TrimLeft(rest, " "), " ")
			if len(f) == name {
				word, after = rest, "" // it may contain spaces
			}
			f, rest = append(f, word), after
		}
		if lines == 1 || len(f) < fields {
			return lines < maxSocketLines // without a name
		}
		bits, _ := strconv.ParseUint(f[flags], 16, 32)
		number, err := strconv.ParseUint(f[inode], 10, 64)
		if bits&accepts == 0 || err != nil {
			return lines < maxSocketLines
		}
		return l.add(message.Waiting{Network: "unix", Path: f[name]}, number)
	}))
}

// ifThere drops the error of a file that does not exist.
func ifThere(err error) error {
	if errors.Is(err, unix.ENOENT) {
		return nil
	}
	return err
}

// parseAddress parses an address of the tables: 32-bit words in the byte order of the machine, in hexadecimal, and the port.
func parseAddress(text string) (string, bool) {
	words, port, _ := strings.Cut(text, ":")
	number, err := strconv.ParseUint(port, 16, 16)
	if err != nil {
		return "", false
	}
	var raw []byte
	for ; len(words) >= 8; words = words[8:] {
		word, err := strconv.ParseUint(words[:8], 16, 32)
		if err != nil {
			return "", false
		}
		raw = binary.NativeEndian.AppendUint32(raw, uint32(word))
	}
	switch len(raw) {
	case 4:
		return fmt.Sprintf("%d.%d.%d.%d:%d", raw[0], raw[1], raw[2], raw[3], number), true
	case 16:
		var groups []string
		for i := 0; i < len(raw); i += 2 {
			groups = append(groups, strconv.FormatUint(uint64(raw[i])<<8|uint64(raw[i+1]), 16))
		}
		return fmt.Sprintf("[%s]:%d", strings.Join(groups, ":"), number), true
	}
	return "", false
}

// findPrograms finds which processes in the network have the sockets open; a program outside of it may have, too.
func (l *listening) findPrograms(net ns.ID) {
	want := net.Link(ns.Net)
	links, processes := maxListeningLinks, maxListeningNames
	missing := len(l.found)
	_ = procfs.EachNumber("/proc", func(pid int) bool {
		p, err := openProcDir(pid)
		if err != nil {
			return true
		}
		defer p.dir.Close()
		if link, err := p.readlink("ns/net"); err != nil || link != want {
			return true
		}
		processes--
		var buf [32]byte
		_ = procfs.EachNumber("/proc/"+strconv.Itoa(pid)+"/fd", func(fd int) bool {
			links--
			n, _ := unix.Readlinkat(int(p.dir.Fd()), "fd/"+strconv.Itoa(fd), buf[:])
			text, ok := strings.CutPrefix(string(buf[:max(n, 0)]), "socket:[")
			if !ok {
				return links > 0
			}
			inode, _ := strconv.ParseUint(strings.TrimSuffix(text, "]"), 10, 64)
			if i, found := l.of[inode]; found && l.found[i].PID == 0 {
				name, _ := p.read("comm")
				l.found[i].PID, l.found[i].Program = pid, strings.ToValidUTF8(strings.TrimSuffix(name, "\n"), "\ufffd")
				missing--
			}
			return links > 0 && missing > 0
		})
		return links > 0 && processes > 0 && missing > 0
	})
}
