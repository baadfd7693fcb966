package sockets

import (
	"errors"
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

// call is a call of ss.
type call struct {
	selection
	info, oneLine, summary bool
	oneState               bool // is asked for
	meets                  condition
}

// Ss prints sockets.
func Ss(args []string) int {
	s := &call{}
	f := tool.Flags("ss", "[-tuwxlanp46eoiOHs] [FILTER]")
	s.addTo(f)
	f.BoolVarP(&s.processes, "processes", "p", false, "the processes that have them open")
	f.BoolVarP(&s.four, "ipv4", "4", false, "IPv4")
	f.BoolVarP(&s.six, "ipv6", "6", false, "IPv6")
	f.BoolVarP(&s.extended, "extended", "e", false, "users and inodes")
	f.BoolVarP(&s.noTitle, "no-header", "H", false, "no titles")
	f.BoolVarP(&s.summary, "summary", "s", false, "numbers of sockets")
	f.BoolVarP(&s.timers, "options", "o", false, "timers")
	f.BoolVarP(&s.info, "info", "i", false, "what the kernel knows of connections of TCP")
	f.BoolVarP(&s.oneLine, "oneline", "O", false, "a line for each, also with -i")
	f.BoolP("resolve", "r", false, "names instead of numbers; it is refused")
	if status, ok := tool.Parse(f, args); !ok {
		return status
	}
	if f.Changed("resolve") {
		return tool.Refuse("ss", errors.New("option -r is not supported here"))
	}
	chosen := s.tcp || s.udp || s.raw || s.unix
	if s.summary && summary() == 0 && !chosen && !s.all && !s.listening {
		return 0
	}
	if !chosen {
		s.tcp, s.udp, s.raw, s.unix = true, true, true, !s.four && !s.six
	}
	var anyState bool
	var err error
	if s.meets, anyState, s.oneState, err = newFilter(f.Args()); err != nil {
		return tool.Refuse("ss", err)
	}
	s.all = s.all || anyState
	if err := s.print(anyState); err != nil {
		return tool.Complain("ss", err)
	}
	return 0
}

// print prints the sockets. With a state in the filter, those that pass by are shown too.
func (s *call) print(passing bool) error {
	var open map[string][]holder
	if s.processes {
		open = holders()
	}
	info, err := tcpInfo()
	if err != nil && s.info {
		return err
	}
	rows, notes := s.rows(open, info, passing)
	out, flush := tool.Output()
	defer flush()
	for i, line := range tool.Lined(rows) {
		note := notes[i]
		if note != "" && !s.oneLine {
			note = "\n" + note
		}
		fmt.Fprintln(out, line+note)
	}
	return nil
}

// rows returns a row for each socket, and what -i prints below a row, by its number.
func (s *call) rows(open map[string][]holder, known map[string]info, passing bool) (rows [][]string, notes map[int]string) {
	if !s.noTitle {
		rows = append(rows, []string{"Netid", "State", "Recv-Q", "Send-Q", "Local Address:Port", "Peer Address:Port", "Process"})
	}
	notes = make(map[int]string)
	for _, k := range s.sockets() {
		if short := k.state == "TIME-WAIT" || k.state == "SYN-RECV"; short && !s.all && !passing || !s.meets(&k) {
			continue
		}
		i, ok := known[k.inode]
		switch {
		case ok && k.state == "LISTEN":
			k.send = uint64(i.backlog)
		case ok && s.info:
			notes[len(rows)] = infoText(i.TCPInfo)
		}
		rows = append(rows, []string{
			k.kind, k.state, strconv.FormatUint(k.receive, 10), strconv.FormatUint(k.send, 10), k.local + ":" + k.localPort, k.peer + ":" + k.peer2, k.note(&s.selection, open),
		})
	}
	for i := range rows {
		if s.oneState {
			rows[i] = slices.Delete(rows[i], 1, 2)
		}
		if s.tcp != s.udp && !s.raw && !s.unix { // there is one kind
			rows[i] = rows[i][1:]
		}
	}
	return rows, notes
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
