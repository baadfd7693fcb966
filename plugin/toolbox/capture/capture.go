// Package capture is the toolbox's tcpdump: it captures packets, writes them to files and reads them, and prints them.
package capture

import (
	"time"

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/capture/filter"
)

// Packet is a packet as it was captured.
type Packet struct {
	At     time.Time
	Data   []byte // perhaps its beginning only
	Length int    // in bytes, before it was shortened
}

// linkType says what a packet begins with, by the numbers of files of packets.
type linkType uint32

const (
	linkEthernet linkType = 1
	linkRaw      linkType = 101 // IP
	linkCooked   linkType = 113 // LINUX_SLL
	linkCooked2  linkType = 276 // LINUX_SLL2
)

// links are the kinds of links that are known.
var links = map[linkType]struct {
	name   string
	header int // bytes
	filter filter.Link
}{
	linkEthernet: {"EN10MB (Ethernet)", 14, filter.Link{Type: 12, Payload: 14, Ethernet: true}},
	linkRaw:      {"RAW (Raw IP)", 0, filter.Link{Type: -1}},
	linkCooked:   {"LINUX_SLL (Linux cooked v1)", 16, filter.Link{Type: 14, Payload: 16}},
	linkCooked2:  {"LINUX_SLL2 (Linux cooked v2)", 20, filter.Link{Type: 0, Payload: 20}},
}

// source is where packets come from.
type source interface {
	link() linkType
	// read returns the next packet, or io.EOF. The packet is valid until the next call.
	read() (Packet, error)
}
