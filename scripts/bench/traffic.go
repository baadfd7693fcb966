//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// The ports of the server in the container. Its TCP port does what a connection's first byte says.
const (
	tcpPort = 9001
	udpPort = 9002

	takeAll  = 't' // read all, then answer with one byte
	echoAll  = 'e' // send back what comes
	echoOnce = 'o' // send back what comes first, and close
)

// serveTraffic is the server, which runs in a container until that ends.
func serveTraffic() error {
	packets, err := net.ListenUDP("udp", &net.UDPAddr{Port: udpPort})
	if err != nil {
		return err
	}
	go servePackets(packets)
	l, err := net.Listen("tcp", fmt.Sprintf(":%d", tcpPort))
	if err != nil {
		return err
	}
	for {
		conn, err := l.Accept()
		if err != nil {
			return err
		}
		go serveConnection(conn)
	}
}

func serveConnection(conn net.Conn) {
	defer conn.Close()
	var what [1]byte
	if _, err := io.ReadFull(conn, what[:]); err != nil {
		return
	}
	size := 512
	if what[0] == takeAll {
		size = 256 << 10
	}
	buffer := make([]byte, size)
	for {
		n, err := conn.Read(buffer)
		if what[0] != takeAll && n > 0 {
			_, _ = conn.Write(buffer[:n])
		}
		if err != nil || what[0] == echoOnce && n > 0 {
			break
		}
	}
	if what[0] == takeAll {
		_, _ = conn.Write(what[:])
	}
}

// servePackets counts packets. It answers one of two bytes with the count, and sets it to 0.
func servePackets(conn *net.UDPConn) {
	buffer := make([]byte, 1<<16)
	count := 0
	for {
		n, from, err := conn.ReadFromUDPAddrPort(buffer)
		if err != nil {
			return
		}
		count++
		if n == 2 { //nolint:mnd // see above
			_, _ = conn.WriteToUDPAddrPort([]byte(fmt.Sprint(count-1)), from)
			count = 0
		}
	}
}

// open connects and says what the server shall do.
func open(address string, what byte) (net.Conn, error) {
	conn, err := net.Dial("tcp", address)
	if err == nil {
		_, err = conn.Write([]byte{what})
	}
	return conn, err
}

// sendGigabyte sends 1 GiB and waits until the server has it.
func sendGigabyte(address string) error {
	conn, err := open(address, takeAll)
	if err != nil {
		return err
	}
	defer conn.Close()
	block := make([]byte, 128<<10)
	for left := gigabyte; left > 0; left -= len(block) {
		if _, err := conn.Write(block); err != nil {
			return err
		}
	}
	if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
		return err
	}
	answer, err := io.ReadAll(conn)
	if err == nil && len(answer) != 1 {
		err = errors.New("the server has not got everything")
	}
	return err
}

// shortConnections opens so many connections, 50 at once, and sends 5 bytes there and back on each. It returns how many have
// failed, and why the first one did.
func shortConnections(address string, number int64) (failed int64, err error) {
	const atOnce = 50
	var group sync.WaitGroup
	var left, failures atomic.Int64
	var once sync.Once
	left.Store(number)
	for range atOnce {
		group.Go(func() {
			for left.Add(-1) >= 0 {
				if why := thereAndBack(address, "hello"); why != nil {
					failures.Add(1)
					once.Do(func() { err = why })
				}
			}
		})
	}
	group.Wait()
	return failures.Load(), err
}

// thereAndBack sends a text and waits for it and for the end of the connection. The server closes first: TCP keeps the addresses of a
// connection for a minute on the side that does, and here there are not enough ports for that.
func thereAndBack(address, text string) error {
	conn, err := open(address, echoOnce)
	if err != nil {
		return err
	}
	defer conn.Close()
	const most = 20 * time.Second // docker-proxy may lose a connection
	_ = conn.SetDeadline(time.Now().Add(most))
	if _, err := io.WriteString(conn, text); err != nil {
		return err
	}
	switch back, err := io.ReadAll(conn); {
	case err != nil:
		return err
	case string(back) != text:
		return fmt.Errorf("%d bytes came back of %d", len(back), len(text))
	}
	return nil
}

// latency returns the median time of one byte there and back, in microseconds, for each address. It asks them in turn.
func latency(ctx context.Context, addresses []string) ([]float64, error) {
	const rounds = 3000
	times := make([][]time.Duration, len(addresses))
	var conns []net.Conn
	for _, address := range addresses {
		conn, err := open(address, echoAll)
		if err != nil {
			return nil, err
		}
		defer conn.Close()
		conns = append(conns, conn)
	}
	var b [1]byte
	for round := 0; round < rounds && ctx.Err() == nil; round++ {
		for i, conn := range conns {
			start := time.Now()
			if _, err := conn.Write(b[:]); err != nil {
				return nil, err
			}
			if _, err := io.ReadFull(conn, b[:]); err != nil {
				return nil, err
			}
			times[i] = append(times[i], time.Since(start))
		}
	}
	var result []float64
	for _, t := range times {
		result = append(result, 1000*median(t))
	}
	return result, ctx.Err()
}

// sendPackets sends packets of 1400 bytes until the server has got so many. No more are on their way than the buffers of
// sockets have room for, but any packet may be dropped.
func sendPackets(address string) error {
	const packets, size, window = 100_000, 1400, 64
	conn, err := net.Dial("udp", address)
	if err != nil {
		return err
	}
	defer conn.Close()
	block := make([]byte, size)
	for got := 0; got < packets; {
		count, err := askCount(conn, block[:2])
		if err != nil {
			return err
		}
		got += count
		for range window {
			if _, err := conn.Write(block); err != nil {
				return err
			}
		}
	}
	return nil
}

// askCount asks the server how many packets it has got since it was asked last.
func askCount(conn net.Conn, question []byte) (count int, err error) {
	answer := make([]byte, 20)
	const tries = 20
	for range tries {
		if _, err := conn.Write(question); err != nil {
			return 0, err
		}
		_ = conn.SetReadDeadline(time.Now().Add(200 * time.Millisecond))
		n, err := conn.Read(answer)
		if errors.Is(err, os.ErrDeadlineExceeded) {
			continue // the question or the answer was dropped
		}
		if err != nil {
			return 0, err
		}
		_, err = fmt.Sscan(string(answer[:n]), &count)
		return count, err
	}
	return 0, errors.New("the server does not answer")
}
