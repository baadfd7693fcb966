package capture

import (
	"bytes"
	"encoding/hex"
	"testing"
	"time"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
)

// arp is a request of 10.0.0.1 for 10.0.0.2.
const arp = "ffffffffffff0200000000010806" + "0001080006040001" + "020000000001" + "0a000001" + "000000000000" + "0a000002"

func packet(t *testing.T, digits string) gopacket.Packet {
	t.Helper()
	data, err := hex.DecodeString(digits)
	if err != nil {
		t.Fatal(err)
	}
	p := gopacket.NewPacket(data, layers.LinkTypeEthernet, gopacket.Default)
	p.Metadata().CaptureInfo = gopacket.CaptureInfo{Timestamp: time.Unix(1, 2000), CaptureLength: len(data), Length: 100}
	return p
}

func TestNoIP(t *testing.T) {
	if got := NoIP(packet(t, arp)); got != "ARP, Request who-has 10.0.0.2 tell 10.0.0.1, length 42" {
		t.Errorf("it is %q", got)
	}
	if got := NoIP(packet(t, "ffffffffffff02000000000188cc00")); got != "ethertype LinkLayerDiscovery, length 15" {
		t.Errorf("it is %q", got)
	}
}

func TestFile(t *testing.T) {
	var out bytes.Buffer
	f := &File{&out}
	if err := f.begin(65535); err != nil {
		t.Fatal(err)
	}
	if err := f.Write(packet(t, arp)); err != nil {
		t.Fatal(err)
	}
	want := "d4c3b2a1020004000000000000000000ffff000001000000" + "01000000020000002a00000064000000" + arp
	if got := hex.EncodeToString(out.Bytes()); got != want {
		t.Errorf("it is\n%s, want\n%s", got, want)
	}
}

func TestDump(t *testing.T) {
	want := "\t0x0000:  6162 0063 6162 0063 6162 0063 6162 0063  ab.cab.cab.cab.c\n\t0x0010:  7f41                                     .A\n"
	if got := Dump([]byte("ab\x00cab\x00cab\x00cab\x00c\x7fA")); got != want {
		t.Errorf("it is\n%s, want\n%s", got, want)
	}
}
