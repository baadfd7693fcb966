package netcat

import (
	"fmt"
	"net"
	"strings"

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/tool"
)

func (c *nc) serve(address string) error {
	if c.udp {
		return c.servePackets(address)
	}
	listener, err := net.Listen(c.network(), address)
	if err != nil {
		return err
	}
	defer listener.Close()
	if c.verbose {
		fmt.Fprintf(tool.Stderr, "Listening on %s\n", strings.Replace(listener.Addr().String(), "[::]", "0.0.0.0", 1))
	}
	for {
		conn, err := listener.Accept()
		if err != nil {
			return err
		}
		if c.verbose {
			fmt.Fprintf(tool.Stderr, "Connection from %s\n", conn.RemoteAddr())
		}
		c.pass(conn, nil)
		conn.Close()
		if !c.keep {
			return nil
		}
	}
}

// servePackets answers the sender of the first packet.
func (c *nc) servePackets(address string) error {
	conn, err := net.ListenPacket(c.network(), address)
	if err != nil {
		return err
	}
	defer conn.Close()
	buf := make([]byte, 65536)
	n, from, err := conn.ReadFrom(buf)
	if err != nil {
		return err
	}
	c.pass(packets{conn, from}, buf[:n])
	return nil
}

// packets is a peer of a socket for packets.
type packets struct {
	net.PacketConn
	peer net.Addr
}

func (p packets) Read(b []byte) (int, error)  { n, _, err := p.ReadFrom(b); return n, err }
func (p packets) Write(b []byte) (int, error) { return p.WriteTo(b, p.peer) }
