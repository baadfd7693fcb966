// Package capture has what u-root's tcpdump lacks, see assemble/repair.go: files of packets, a dump with text, packets
// that are not IP, and the choice of an interface.
package capture

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
)

// Device returns the interface to listen on: the one that was named, nothing for all, or else the first that is up, the
// loopback last.
func Device(name string) (string, error) {
	switch name {
	case "any":
		return "", nil
	case "":
	default:
		return name, nil
	}
	list, err := net.Interfaces()
	if err != nil {
		return "", err
	}
	loopback := ""
	for _, i := range list {
		switch {
		case i.Flags&net.FlagUp == 0:
		case i.Flags&net.FlagLoopback == 0:
			return i.Name, nil
		case loopback == "":
			loopback = i.Name
		}
	}
	if loopback == "" {
		return "", errors.New("no interface is up")
	}
	return loopback, nil
}

// File writes packets in the format that pcap-savefile(5) describes.
type File struct{ to io.Writer }

// NewFile makes the file, or writes to standard output for "-". A packet has at most snap bytes.
func NewFile(name string, snap int) (*File, error) {
	f := &File{os.Stdout}
	if name != "-" {
		file, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
		if err != nil {
			return nil, err
		}
		f.to = file
	}
	return f, f.begin(snap)
}

func (f *File) begin(snap int) error {
	const magic, ethernet = 0xa1b2c3d4, 1
	header := binary.LittleEndian.AppendUint32(nil, magic)
	header = binary.LittleEndian.AppendUint16(header, 2) // version 2.4
	header = binary.LittleEndian.AppendUint16(header, 4)
	header = append(header, make([]byte, 8)...) // no time zone
	header = binary.LittleEndian.AppendUint32(header, uint32(snap))
	header = binary.LittleEndian.AppendUint32(header, ethernet)
	_, err := f.to.Write(header)
	return err
}

// Write writes a packet at once.
func (f *File) Write(p gopacket.Packet) error {
	at, length := p.Metadata().Timestamp, max(p.Metadata().Length, len(p.Data()))
	record := binary.LittleEndian.AppendUint32(nil, uint32(at.Unix()))
	record = binary.LittleEndian.AppendUint32(record, uint32(at.Nanosecond()/1000))
	record = binary.LittleEndian.AppendUint32(record, uint32(len(p.Data())))
	record = binary.LittleEndian.AppendUint32(record, uint32(length))
	_, err := f.to.Write(append(record, p.Data()...))
	return err
}

// Dump returns bytes in hexadecimal and as text, as -X prints them.
func Dump(data []byte) string {
	var out strings.Builder
	for at := 0; at < len(data); at += 16 {
		part := data[at:min(len(data), at+16)]
		var digits, text strings.Builder
		for i, b := range part {
			if i%2 == 0 && i > 0 {
				digits.WriteByte(' ')
			}
			fmt.Fprintf(&digits, "%02x", b)
			if b < ' ' || b > '~' {
				b = '.'
			}
			text.WriteByte(b)
		}
		fmt.Fprintf(&out, "\t0x%04x:  %-39s  %s\n", at, digits.String(), text.String())
	}
	return out.String()
}

// NoIP describes a packet that is not of IP.
func NoIP(p gopacket.Packet) string {
	a, ok := p.Layer(layers.LayerTypeARP).(*layers.ARP)
	if !ok {
		kind := "unknown"
		if e, ok := p.Layer(layers.LayerTypeEthernet).(*layers.Ethernet); ok {
			kind = e.EthernetType.String()
		}
		return fmt.Sprintf("ethertype %s, length %d", kind, len(p.Data()))
	}
	to, from := net.IP(a.DstProtAddress), net.IP(a.SourceProtAddress)
	if a.Operation == layers.ARPReply {
		return fmt.Sprintf("ARP, Reply %s is-at %s, length %d", from, net.HardwareAddr(a.SourceHwAddress), len(p.Data()))
	}
	return fmt.Sprintf("ARP, Request who-has %s tell %s, length %d", to, from, len(p.Data()))
}
