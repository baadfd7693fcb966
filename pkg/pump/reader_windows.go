package pump

import (
	"io"
	"net"
)

// reader returns a function that reads from a connection. It returns a buffer and the number of bytes in it.
func reader(from net.Conn) func() (*buffer, int, error) { return plainReader(from) }

// writer returns a writer to a connection, which counts.
func writer(_ net.Conn, c counting) io.Writer { return c }
