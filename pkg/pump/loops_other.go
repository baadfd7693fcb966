//go:build !linux

package pump

import "net"

// loops is empty: goroutines copy on this system.
type loops struct{}

func (*Pump) adopt(_, _ net.Conn, _ func(sent, received int64, err error)) bool { return false }

func (*Pump) stopLoops() {}

// polled returns the connection.
func polled(conn net.Conn) net.Conn { return conn }
