// Package procnet reads the files in /proc/net.
package procnet

import (
	"encoding/binary"
	"encoding/hex"
	"net"
	"slices"
	"strconv"
	"strings"
)

// littleEndian is the machine's order of bytes.
var littleEndian = binary.NativeEndian.Uint16([]byte{1, 0}) == 1

// Address decodes an address of /proc/net/tcp: words of 32 bits in the machine's order.
func Address(text string) (ip net.IP, port string) {
	digits, hexPort, _ := strings.Cut(text, ":")
	raw, err := hex.DecodeString(digits)
	if err != nil || len(raw)%4 != 0 {
		return nil, ""
	}
	if littleEndian {
		for i := 0; i < len(raw); i += 4 {
			slices.Reverse(raw[i : i+4])
		}
	}
	n, _ := strconv.ParseUint(hexPort, 16, 16)
	return net.IP(raw), strconv.FormatUint(n, 10)
}
