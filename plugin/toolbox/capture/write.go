package capture

import (
	"encoding/binary"
	"io"
	"os"
)

// file writes packets in the format that pcap-savefile(5) describes.
type file struct{ to io.Writer }

// newFile makes the file, or writes to standard output for "-". A packet has at most snap bytes.
func newFile(name string, link linkType, snap int) (*file, error) {
	f := &file{os.Stdout}
	if name != "-" {
		made, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
		if err != nil {
			return nil, err
		}
		f.to = made
	}
	return f, f.begin(link, snap)
}

func (f *file) begin(link linkType, snap int) error {
	const magic = 0xa1b2c3d4
	header := binary.LittleEndian.AppendUint32(nil, magic)
	header = binary.LittleEndian.AppendUint16(header, 2) // version 2.4
	header = binary.LittleEndian.AppendUint16(header, 4)
	header = append(header, make([]byte, 8)...) // no time zone
	header = binary.LittleEndian.AppendUint32(header, uint32(snap))
	header = binary.LittleEndian.AppendUint32(header, uint32(link))
	_, err := f.to.Write(header)
	return err
}

// write writes a packet at once.
func (f *file) write(p Packet) error {
	record := binary.LittleEndian.AppendUint32(nil, uint32(p.At.Unix()))
	record = binary.LittleEndian.AppendUint32(record, uint32(p.At.Nanosecond()/1000))
	record = binary.LittleEndian.AppendUint32(record, uint32(len(p.Data)))
	record = binary.LittleEndian.AppendUint32(record, uint32(max(p.Length, len(p.Data))))
	_, err := f.to.Write(append(record, p.Data...))
	return err
}
