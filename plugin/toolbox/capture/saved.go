package capture

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/tool"
)

// longest is how long a packet in a file may be in bytes, as for libpcap.
const longest = 256 << 10

// saved reads packets from a file in the format that pcap-savefile(5) describes.
type saved struct {
	in    *bufio.Reader
	order binary.ByteOrder
	nano  bool
	kind  linkType
	data  []byte
}

// openSaved opens a file, or standard input for "-".
func openSaved(name string) (*saved, error) {
	from := os.Stdin
	if name != "-" {
		var err error
		if from, err = tool.Open(name); err != nil {
			return nil, err
		}
	}
	s := &saved{in: bufio.NewReader(from)}
	if err := s.begin(); err != nil {
		return nil, fmt.Errorf("%s: %w", tool.Printable(name), err)
	}
	return s, nil
}

// begin reads the header of the file.
func (s *saved) begin() error {
	header := make([]byte, 24)
	if _, err := io.ReadFull(s.in, header); err != nil {
		return errors.New("it is no file of packets")
	}
	switch s.order = binary.LittleEndian; binary.BigEndian.Uint32(header) {
	case 0xd4c3b2a1:
	case 0x4d3cb2a1:
		s.nano = true
	case 0xa1b2c3d4:
		s.order = binary.BigEndian
	case 0xa1b23c4d:
		s.order, s.nano = binary.BigEndian, true
	case 0x0a0d0d0a:
		return errors.New("the format pcapng is not supported here")
	default:
		return errors.New("it is no file of packets")
	}
	s.kind = linkType(s.order.Uint32(header[20:]) & 0xffff)
	if s.kind == 12 || s.kind == 228 || s.kind == 229 { // other numbers for IP
		s.kind = linkRaw
	}
	if _, ok := links[s.kind]; !ok {
		return fmt.Errorf("packets of link-type %d are not supported here", s.kind)
	}
	return nil
}

func (s *saved) link() linkType { return s.kind }

func (s *saved) read() (Packet, error) {
	var header [16]byte
	if _, err := io.ReadFull(s.in, header[:]); errors.Is(err, io.EOF) {
		return Packet{}, io.EOF
	} else if err != nil {
		return Packet{}, fmt.Errorf("the file is truncated: %w", err)
	}
	fraction := int64(s.order.Uint32(header[4:]))
	if !s.nano {
		fraction *= 1000
	}
	p := Packet{At: time.Unix(int64(s.order.Uint32(header[:])), fraction)}
	size := s.order.Uint32(header[8:])
	if size > longest {
		return p, errors.New("the file is damaged")
	}
	if int(size) > len(s.data) {
		s.data = make([]byte, size)
	}
	p.Data, p.Length = s.data[:size], max(int(size), int(min(s.order.Uint32(header[12:]), 1<<30)))
	if _, err := io.ReadFull(s.in, p.Data); err != nil {
		return p, errors.New("the file ends in a packet")
	}
	return p, nil
}
