// Package netcat is the toolbox's nc.
package netcat

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/term"

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/network/lookup"
	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/tool"
)

// nc is a call of nc.
type nc struct {
	listen, udp, unix, zero, verbose, keep, four, six, noInput, numeric, crlf bool
	port, source                                                              string
	wait, quit                                                                float64 // seconds
}

// Nc passes standard input and output through a connection.
func Nc(args []string) int {
	c := &nc{}
	f := tool.Flags("nc", "[-46CdklnNuUvz] [-p PORT] [-s ADDRESS] [-w SECONDS] [-q SECONDS] HOST PORT | -l [-p] PORT | -U FILE")
	f.BoolVarP(&c.listen, "listen", "l", false, "wait for a connection")
	f.StringVarP(&c.port, "port", "p", "", "the own port")
	f.BoolVarP(&c.udp, "udp", "u", false, "UDP")
	f.BoolVarP(&c.unix, "unix", "U", false, "a UNIX socket")
	f.BoolVarP(&c.zero, "zero", "z", false, "connect only; ports may be ranges")
	f.BoolVarP(&c.verbose, "verbose", "v", false, "tell what happens")
	f.BoolVarP(&c.keep, "keep", "k", false, "wait for the next connection after each")
	f.BoolVarP(&c.four, "ipv4", "4", false, "IPv4")
	f.BoolVarP(&c.six, "ipv6", "6", false, "IPv6")
	f.BoolVarP(&c.noInput, "no-input", "d", false, "read no standard input")
	f.BoolVarP(&c.numeric, "numeric", "n", false, "addresses and numbers only, no names")
	f.StringVarP(&c.source, "source", "s", "", "the own address")
	f.BoolVarP(&c.crlf, "crlf", "C", false, "send CR and LF at the end of lines")
	f.BoolP("shutdown", "N", false, "pass on the end of input (always)")
	f.Float64VarP(&c.wait, "wait", "w", 0, "seconds to wait for a connection, and for data")
	f.Float64VarP(&c.quit, "quit", "q", -1, "end so many seconds after the end of input")
	if status, ok := tool.Parse(f, args); !ok {
		return status
	}
	err := c.run(f.Args())
	if errors.Is(err, errNoArguments) {
		return tool.Misused(f)
	}
	if err != nil {
		return tool.Complain("nc", err)
	}
	return 0
}

var errNoArguments = errors.New("arguments are missing")

func (c *nc) network() string {
	switch {
	case c.unix && c.udp:
		return "unixgram"
	case c.unix:
		return "unix"
	}
	name := "tcp"
	if c.udp {
		name = "udp"
	}
	switch {
	case c.four:
		name += "4"
	case c.six:
		name += "6"
	}
	return name
}

func (c *nc) run(args []string) error {
	if !c.unix {
		if err := lookup.CheckFiles(); err != nil && (len(args) == 0 || net.ParseIP(args[0]) == nil && !c.listen) {
			return err
		}
	}
	if c.listen {
		address, err := c.own(args)
		if err != nil {
			return err
		}
		return c.serve(address)
	}
	if c.unix {
		if len(args) != 1 {
			return errNoArguments
		}
		return c.connect(args[0])
	}
	if len(args) < 2 {
		return errNoArguments
	}
	if c.numeric && net.ParseIP(args[0]) == nil {
		return fmt.Errorf("%q is no address", args[0])
	}
	return c.each(args[0], args[1:])
}

// own returns the address to listen at.
func (c *nc) own(args []string) (string, error) {
	address := ""
	switch {
	case c.unix && len(args) == 1:
		address = args[0]
	case len(args) == 2:
		address = net.JoinHostPort(args[0], args[1])
	case len(args) == 1 && c.port == "":
		address = ":" + args[0]
	case c.port != "":
		address = net.JoinHostPort(strings.Join(args, ""), c.port)
	default:
		return "", errNoArguments
	}
	if c.source == "" || c.unix {
		return address, nil
	}
	host, port, err := net.SplitHostPort(address)
	switch {
	case err != nil:
		return "", err
	case host != "":
		return "", errors.New("-s and a host are both an address to listen at")
	case net.ParseIP(c.source) == nil:
		return "", fmt.Errorf("%q is no address", c.source)
	}
	return net.JoinHostPort(c.source, port), nil
}

// each connects to each port. One success is enough, as for OpenBSD's nc; with several ports, failures are told with -v.
func (c *nc) each(host string, list []string) error {
	var last error
	tried, succeeded := 0, false
	for _, text := range list {
		from, to, err := ports(text)
		if err != nil {
			return err
		}
		for port := from; port <= to; port++ {
			if tried > 0 && last != nil && c.verbose {
				fmt.Fprintln(tool.Stderr, "nc:", last)
			}
			last = c.connect(net.JoinHostPort(host, strconv.Itoa(port)))
			tried++
			succeeded = succeeded || last == nil
		}
	}
	if !succeeded {
		return last
	}
	if last != nil && c.verbose {
		fmt.Fprintln(tool.Stderr, "nc:", last)
	}
	return nil
}

// ports parses a port's number or name, or a range of numbers.
func ports(text string) (from, to int, err error) {
	first, last, ok := strings.Cut(text, "-")
	if from, err = strconv.Atoi(first); err != nil {
		if err := lookup.CheckFiles(); err != nil {
			return 0, 0, err
		}
		if from, err = net.LookupPort("tcp", text); err != nil {
			return 0, 0, fmt.Errorf("%q is no port", text)
		}
		return from, from, nil
	}
	if !ok {
		return from, from, nil
	}
	if to, err = strconv.Atoi(last); err != nil || to > 65535 {
		return 0, 0, fmt.Errorf("%q is no range of ports", text)
	}
	return from, to, nil
}

func (c *nc) connect(address string) error {
	dialer := net.Dialer{Timeout: time.Duration(c.wait * float64(time.Second))}
	if !c.unix && (c.port != "" || c.source != "") {
		n, err := strconv.ParseUint(cmp.Or(c.port, "0"), 10, 16)
		if err != nil {
			return fmt.Errorf("%q is no port", c.port)
		}
		ip := net.ParseIP(c.source)
		if ip == nil && c.source != "" {
			return fmt.Errorf("%q is no address", c.source)
		}
		dialer.LocalAddr = &net.TCPAddr{IP: ip, Port: int(n)}
		if c.udp {
			dialer.LocalAddr = &net.UDPAddr{IP: ip, Port: int(n)}
		}
	}
	conn, err := dialer.Dial(c.network(), address)
	if err == nil && c.udp && c.zero {
		err = refused(conn)
	}
	if err != nil {
		return fmt.Errorf("connect to %s failed: %w", c.described(address), reason(err))
	}
	defer conn.Close()
	if c.verbose {
		fmt.Fprintf(os.Stderr, "Connection to %s succeeded!\n", c.described(address))
	}
	if c.zero {
		return nil
	}
	if c.wait > 0 {
		conn = idle{conn, time.Duration(c.wait * float64(time.Second))}
	}
	c.pass(conn, nil)
	return nil
}

// described returns an address as OpenBSD's nc writes it: HOST port PORT (PROTOCOL).
func (c *nc) described(address string) string {
	host, port, err := net.SplitHostPort(address)
	if c.unix || err != nil {
		return tool.Printable(address)
	}
	protocol := "tcp"
	if c.udp {
		protocol = "udp"
	}
	return fmt.Sprintf("%s port %s (%s)", tool.Printable(host), port, protocol)
}

// reason returns what the kernel or the lookup says, without the addresses.
func reason(err error) error {
	if errno, ok := errors.AsType[syscall.Errno](err); ok {
		return errno
	}
	if lookup, ok := errors.AsType[*net.DNSError](err); ok {
		return lookup
	}
	if timeout, ok := errors.AsType[net.Error](err); ok && timeout.Timeout() {
		return errTimedOut
	}
	return err
}

var errTimedOut = errors.New("timed out")

// refused sends an empty packet, and returns an error if the host answers that nobody takes it. Nothing answers if it is taken.
func refused(conn net.Conn) error {
	const patience = time.Second
	for range 2 { // the second write returns the first one's error
		if _, err := conn.Write([]byte{'X'}); err != nil {
			return err
		}
	}
	_ = conn.SetReadDeadline(time.Now().Add(patience))
	_, err := conn.Read(make([]byte, 1))
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return nil
	}
	return err
}

// idle is a connection that ends if it has no data for a time, in neither direction.
type idle struct {
	net.Conn
	limit time.Duration
}

func (i idle) Read(b []byte) (int, error) {
	_ = i.SetReadDeadline(time.Now().Add(i.limit))
	return i.Conn.Read(b)
}

func (i idle) Write(b []byte) (int, error) {
	n, err := i.Conn.Write(b)
	_ = i.SetReadDeadline(time.Now().Add(i.limit))
	return n, err
}

// CloseWrite passes on the end of input.
func (i idle) CloseWrite() error {
	if half, ok := i.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return nil
}

// crlf puts CR before each newline that it reads.
type crlf struct {
	in   io.Reader
	rest []byte // read, and not yet returned
}

func (c *crlf) Read(b []byte) (int, error) {
	if len(c.rest) == 0 {
		part := make([]byte, 4096)
		n, err := c.in.Read(part)
		if n == 0 {
			return 0, err
		}
		c.rest = bytes.ReplaceAll(part[:n], []byte("\n"), []byte("\r\n"))
	}
	n := copy(b, c.rest)
	c.rest = c.rest[n:]
	return n, nil
}

// pass copies in both directions until the peer ends. A peer that only sends no more still gets what
// standard input has, as OpenBSD's nc does it, unless that is a terminal, which would never end.
func (c *nc) pass(conn io.ReadWriteCloser, first []byte) {
	_, _ = tool.Stdout.Write(first)
	passed := make(chan struct{})
	if c.noInput {
		close(passed)
	} else {
		go func() {
			var in io.Reader = os.Stdin
			if c.crlf {
				in = &crlf{in: os.Stdin}
			}
			_, _ = io.Copy(conn, in)
			if half, ok := conn.(interface{ CloseWrite() error }); ok {
				_ = half.CloseWrite()
			}
			close(passed)
			if c.quit >= 0 {
				time.Sleep(time.Duration(c.quit * float64(time.Second)))
				conn.Close()
			}
		}()
	}
	_, _ = io.Copy(tool.Stdout, struct{ io.Reader }{conn}) // not by splice(2), which does not pass urgent data
	if !c.listen && !term.IsTerminal(int(os.Stdin.Fd())) {
		_ = os.Stdout.Close() // a program that waits for this end then ends the input too
		<-passed
	}
}
