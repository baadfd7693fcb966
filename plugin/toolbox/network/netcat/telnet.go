package netcat

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync"

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/network/lookup"
	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/tool"
)

// Telnet talks to a server line by line. It takes no part in what servers of TELNET negotiate: it refuses all of it.
func Telnet(args []string) int {
	f := tool.Flags("telnet", "[-46] HOST [PORT]")
	four := f.BoolP("ipv4", "4", false, "IPv4")
	six := f.BoolP("ipv6", "6", false, "IPv6")
	if status, ok := tool.Parse(f, args); !ok {
		return status
	}
	if f.NArg() < 1 || f.NArg() > 2 {
		return tool.Misused(f)
	}
	network, port := "ip", "23"
	switch {
	case *four:
		network = "ip4"
	case *six:
		network = "ip6"
	}
	if f.NArg() == 2 {
		port = f.Arg(1)
	}
	conn, err := dialTelnet(network, f.Arg(0), port)
	if err != nil {
		return tool.Complain("telnet", err)
	}
	defer conn.Close()
	tool.Printf("Connected to %s.\nEscape character is '^]'.\n", tool.Printable(f.Arg(0)))
	t := &telnet{conn: conn}
	go t.send()
	t.receive()
	if t.left() {
		tool.Println("Connection closed.")
		return 0
	}
	tool.Println("Connection closed by foreign host.")
	return 1
}

func dialTelnet(network, host, service string) (net.Conn, error) {
	port, _, err := ports(service)
	if err != nil {
		return nil, err
	}
	if net.ParseIP(host) == nil {
		if err := lookup.CheckFiles(); err != nil {
			return nil, err
		}
	}
	list, err := net.DefaultResolver.LookupIP(context.Background(), network, host)
	if err != nil {
		return nil, fmt.Errorf("could not resolve %s/%s: %w", tool.Printable(host), tool.Printable(service), reason(err))
	}
	for _, ip := range list {
		tool.Printf("Trying %s...\n", ip)
		var conn net.Conn
		if conn, err = net.Dial("tcp", net.JoinHostPort(ip.String(), fmt.Sprint(port))); err == nil {
			return conn, nil
		}
	}
	return nil, fmt.Errorf("Unable to connect to remote host: %w", reason(err)) //nolint:staticcheck // as telnet says it
}

// telnet is a connection.
type telnet struct {
	conn net.Conn
	mu   sync.Mutex
	quit bool
}

func (t *telnet) left() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.quit
}

// send sends lines of standard input. A line with ^] asks for a command: quit and close end the connection.
func (t *telnet) send() {
	defer t.conn.Close()
	in := bufio.NewReader(os.Stdin)
	for {
		line, err := in.ReadString('\n')
		if before, _, escaped := strings.Cut(line, "\x1d"); escaped {
			_, _ = io.WriteString(t.conn, before)
			tool.Print("\ntelnet> ")
			command, _ := in.ReadString('\n')
			if word := strings.TrimSpace(command); word != "" && (strings.HasPrefix("quit", word) || strings.HasPrefix("close", word)) {
				t.mu.Lock()
				t.quit = true
				t.mu.Unlock()
				return
			}
			continue
		}
		if text, ended := strings.CutSuffix(line, "\n"); ended {
			line = text + "\r\n"
		}
		if _, failed := io.WriteString(t.conn, line); failed != nil || err != nil {
			return
		}
	}
}

// receive prints what the server sends, until it ends.
func (t *telnet) receive() {
	const command, will, do, dont, wont, begin, end = 255, 251, 253, 254, 252, 250, 240
	out, flush := tool.Output()
	defer flush()
	in := bufio.NewReader(t.conn)
	for {
		if in.Buffered() == 0 {
			flush()
		}
		b, err := in.ReadByte()
		if err != nil || tool.OutputFailed() {
			return
		}
		if b != command {
			out.WriteByte(b)
			continue
		}
		verb, err := in.ReadByte()
		switch {
		case err != nil:
			return
		case verb == command:
			out.WriteByte(verb)
		case verb == begin: // up to its end, at most a line's worth
			for last := byte(0); err == nil && (last != command || verb != end); {
				last = verb
				verb, err = in.ReadByte()
			}
		case verb >= will && verb <= dont:
			option, _ := in.ReadByte()
			if answer := map[byte]byte{will: dont, do: wont}[verb]; answer != 0 {
				_, _ = t.conn.Write([]byte{command, answer, option})
			}
		}
	}
}
