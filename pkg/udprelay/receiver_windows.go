package udprelay

import "net"

// receiver returns a function that waits for packets and passes them on.
func receiver(conn net.Conn) func(pass func([]byte)) error { return plainReceiver(conn) }
