package decode

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"
	"time"
)

// show prints frames of Ethernet, in hexadecimal.
func show(t testing.TB, o Options, frames ...string) string {
	t.Helper()
	p := New(o, ethernet, 14)
	var out strings.Builder
	for i, digits := range frames {
		data, err := hex.DecodeString(digits)
		if err != nil {
			t.Fatal(err)
		}
		out.WriteString(p.Packet(time.Unix(int64(i), 5000).UTC(), data, len(data)))
	}
	return out.String()
}

const (
	link4       = "0200000000020200000000010800"
	link6       = "02000000000202000000000186dd"
	syn4        = link4 + "450000300001400040060000" + "0a0000010a000002" + "9c400050" + "0000000a00000000" + "7002ffff00000000" + "020405b401010402"
	reply       = link4 + "450000280001400040060000" + "0a0000020a000001" + "00509c40" + "000003e80000000b" + "5012ffff00000000"
	get         = link4 + "450000380001400040060000" + "0a0000010a000002" + "9c400050" + "0000000b000003e9" + "5018ffff00000000" + "474554202f20485454502f312e310d0a"
	unreachable = link4 + "450000380001000040010000" + "0a0000020a000001" + "0303000000000000" + "4500001d0001000040110000" + "0a0000010a000002" + "9c41003500090000"
	arp         = "ffffffffffff0200000000010806" + "0001080006040001" + "0200000000010a000001" + "0000000000000a000002"
)

func TestPackets(t *testing.T) {
	for _, row := range []struct{ name, frame, want string }{
		{"arp", arp, "ARP, Request who-has 10.0.0.2 tell 10.0.0.1, length 28"},
		{"syn", syn4, "IP 10.0.0.1.40000 > 10.0.0.2.80: Flags [S], seq 10, win 65535, options [mss 1460,nop,nop,sackOK], length 0"},
		{"lldp", "ffffffffffff02000000000188cc00", "ethertype LLDP (0x88cc), length 1"},
		{"echo", link4 + "4500001c0001000040010000" + "0a0000010a000002" + "0800000000010002", "IP 10.0.0.1 > 10.0.0.2: ICMP echo request, id 1, seq 2, length 8"},
		{"unreachable", unreachable, "IP 10.0.0.2 > 10.0.0.1: ICMP 10.0.0.2 udp port 53 unreachable, length 36"},
		{"question", link4 + "450000390001000040110000" + "0a0000010a000002" + "9c410035" + "00250000" + "303901000001000000000000" + "0377656204746573740000010001", "IP truncated-ip - 3 bytes missing! 10.0.0.1.40001 > 10.0.0.2.53: 12345+ A? web.test. (29)"},
		{"udp", link4 + "4500001d0001000040110000" + "0a0000010a000002" + "9c411234" + "00090000" + "00", "IP 10.0.0.1.40001 > 10.0.0.2.4660: UDP, length 1"},
		{"fragment", link4 + "4500001c0001000540060000" + "0a0000010a000002" + "9c40005000000001", "IP 10.0.0.1 > 10.0.0.2: tcp"},
		{"icmp6", link6 + "6000000000083aff" + "fe800000000000000000000000000001" + "ff020000000000000000000000000001" + "8000000000010001", "IP6 fe80::1 > ff02::1: ICMP6, echo request, id 1, seq 1, length 8"},
		{"hop by hop", link6 + "60000000001000ff" + "fe800000000000000000000000000001" + "ff020000000000000000000000000001" + "3a00050200000000" + "8000000000010001", "IP6 fe80::1 > ff02::1: HBH ICMP6, echo request, id 1, seq 1, length 8"},
		{"vlan", "020000000002020000000001" + "8100" + "0005" + "0800" + "4500001c0001000040010000" + "0a0000010a000002" + "0800000000010002", "IP 10.0.0.1 > 10.0.0.2: ICMP echo request, id 1, seq 2, length 8"},
		{"cut", link4 + "4500", "IP [|ip]"},
		{"nothing", "02", "[|link]"},
	} {
		if got := show(t, Options{Stamps: 1}, row.frame); got != row.want+"\n" {
			t.Errorf("%s prints\n%q, want\n%q", row.name, got, row.want)
		}
	}
}

// Numbers of a connection are relative from its second packet on.
func TestConnection(t *testing.T) {
	want := `00:00:00.000005 IP 10.0.0.1.40000 > 10.0.0.2.80: Flags [S], seq 10, win 65535, options [mss 1460,nop,nop,sackOK], length 0
00:00:01.000005 IP 10.0.0.2.80 > 10.0.0.1.40000: Flags [S.], seq 1000, ack 11, win 65535, length 0
00:00:02.000005 IP 10.0.0.1.40000 > 10.0.0.2.80: Flags [P.], seq 1:17, ack 1, win 65535, length 16: HTTP: GET / HTTP/1.1
`
	if got := show(t, Options{}, syn4, reply, get); got != want {
		t.Errorf("it prints\n%s, want\n%s", got, want)
	}
	if got := show(t, Options{Absolute: true, Stamps: 1}, syn4, reply, get); !strings.Contains(got, "seq 11:27, ack 1001") {
		t.Errorf("it prints\n%s", got)
	}
}

func TestOptions(t *testing.T) {
	for _, row := range []struct {
		name string
		o    Options
		want string
	}{
		{"-e", Options{Stamps: 1, Link: true}, "02:00:00:00:00:01 > 02:00:00:00:00:02, ethertype IPv4 (0x0800), length 54: 10.0.0.2.80 > 10.0.0.1.40000: Flags [S.], seq 1000, ack 11, win 65535, length 0\n"},
		{"-v", Options{Stamps: 1, Verbose: 1}, "IP (tos 0x0, ttl 64, id 1, offset 0, flags [DF], proto TCP (6), length 40)\n    10.0.0.2.80 > 10.0.0.1.40000: Flags [S.], cksum 0x0000, seq 1000, ack 11, win 65535, length 0\n"},
		{"-q", Options{Stamps: 1, Quiet: true}, "IP 10.0.0.2.80 > 10.0.0.1.40000: tcp 0\n"},
		{"-tt", Options{Stamps: 2, Quiet: true}, "0.000005 IP 10.0.0.2.80 > 10.0.0.1.40000: tcp 0\n"},
		{"-ttt", Options{Stamps: 3, Quiet: true}, " 00:00:00.000000 IP 10.0.0.2.80 > 10.0.0.1.40000: tcp 0\n"},
		{"-tttt", Options{Stamps: 4, Quiet: true}, "1970-01-01 00:00:00.000005 IP 10.0.0.2.80 > 10.0.0.1.40000: tcp 0\n"},
		{"-#", Options{Stamps: 1, Quiet: true, Number: true}, "    1  IP 10.0.0.2.80 > 10.0.0.1.40000: tcp 0\n"},
		{"-X", Options{Stamps: 1, Quiet: true, Both: 1}, "IP 10.0.0.2.80 > 10.0.0.1.40000: tcp 0\n\t0x0000:  4500 0028 0001 4000 4006 0000 0a00 0002  E..(..@.@.......\n"},
		{"-xx", Options{Stamps: 1, Quiet: true, Hex: 2}, "IP 10.0.0.2.80 > 10.0.0.1.40000: tcp 0\n\t0x0000:  0200 0000 0002 0200 0000 0001 0800 4500\n"},
		{"names", Options{Stamps: 1, Quiet: true, Names: hostile{}}, "IP a?[2Jb.c?d > a?[2Jb.c?d: tcp 0\n"},
	} {
		if got := show(t, row.o, reply); !strings.HasPrefix(got, row.want) {
			t.Errorf("%s prints\n%s, want\n%s", row.name, got, row.want)
		}
	}
}

// What a packet of the longest size says is bounded: a container can send one each millisecond.
func TestLongPackets(t *testing.T) {
	const longest = 65000
	header := func(s string) []byte {
		data, err := hex.DecodeString(s)
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	address := "fe800000000000000000000000000001"
	six := func(next string) []byte { return header("60000000" + "0000" + next + "40" + address + address) }
	udp := func(body []byte) []byte {
		return slices.Concat(six("11"), header("00350fa000000000"), body)
	}
	name := slices.Concat(bytes.Repeat(append([]byte{63}, bytes.Repeat([]byte{1}, 63)...), 3), []byte{61}, bytes.Repeat([]byte{1}, 61), []byte{0})
	dns := func(flags, questions, answers int, body ...[]byte) []byte {
		return udp(slices.Concat(header(fmt.Sprintf("0001%04x%04x%04x00000000", flags, questions, answers)), name, header("00010001"), slices.Concat(body...)))
	}
	types := header("c00c002f000100000001") // NSEC, without its length
	var bits []byte
	for window := range 256 {
		bits = append(append(bits, byte(window), 32), bytes.Repeat([]byte{255}, 32)...)
	}
	types = slices.Concat(types, binary.BigEndian.AppendUint16(nil, uint16(2+len(bits))), header("c00c"), bits)
	const tcp = "00500fa0" + "0000000100000001" + "5018ffff00000000"
	for text, data := range map[string][]byte{
		"answers":   dns(0x8180, 1, 4000, bytes.Repeat(header("c00c00050001000000010002c00c"), 4000)),
		"questions": dns(0x0100, 8001, 0, bytes.Repeat(header("c00c00010001"), 8000)),
		"types":     dns(0x8180, 1, 7, bytes.Repeat(types, 7)),
		"lines":     slices.Concat(six("06"), header(tcp), []byte("HTTP/1.1 200\n"), bytes.Repeat([]byte{'\n'}, longest)),
		"packets":   bytes.Repeat(append(six("00"), header("2900000000000000")...), longest/48),
		"headers":   slices.Concat(six("00"), bytes.Repeat(make([]byte, 8), longest/8)),
	} {
		p := New(Options{Verbose: 1}, raw, 0)
		if got := p.Packet(time.Unix(0, 0), data, len(data)); len(got) > 50000 || len(got) < 100 || strings.Contains(got, "UDP, length") {
			t.Errorf("%s: %d bytes, which begin with %.200q", text, len(got), got)
		}
	}
}

// hostile are names that a name server and a file of the container's can have.
type hostile struct{}

func (hostile) Host(net.IP) string         { return "a\x1b[2Jb" }
func (hostile) Port(uint16, string) string { return "c\nd" }

func TestHostileNames(t *testing.T) {
	o := Options{Stamps: 1, Names: hostile{}}
	if got, want := show(t, o, unreachable), "IP a?[2Jb > a?[2Jb: ICMP a?[2Jb udp port c?d unreachable, length 36\n"; got != want {
		t.Errorf("it prints\n%q, want\n%q", got, want)
	}
}

// FuzzPacket prints packets that nobody would send. Nothing that a terminal would obey is printed.
func FuzzPacket(f *testing.F) {
	for _, frame := range []string{syn4, reply, get, arp, unreachable, link4 + "450000390001000040110000" + "0a0000010a000002" + "9c410035" + "00250000" + "303981800001000100000000" + "0377656204746573740000100001" + "c00c00100001000000050003021b5b"} {
		data, err := hex.DecodeString(frame)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data, uint16(0), uint8(0))
		f.Add(data[14:], uint16(1), uint8(1))
		f.Add(append(make([]byte, 6), data...), uint16(3), uint8(7))
	}
	links := []struct {
		link   uint32
		header int
	}{{ethernet, 14}, {raw, 0}, {cooked, 16}, {cooked2, 20}}
	f.Fuzz(func(t *testing.T, data []byte, link uint16, options uint8) {
		o := Options{Verbose: int(options & 3), Link: options&4 != 0, ASCII: options&8 != 0, Quiet: options&16 != 0, Both: int(options>>5) & 3, Hex: int(options >> 7)}
		if options&3 == 3 {
			o.Names = hostile{}
		}
		l := links[int(link)%len(links)]
		p := New(o, l.link, l.header)
		for range 2 { // the second one is of a known connection
			text := p.Packet(time.Unix(0, 0), data, len(data))
			for _, r := range text {
				if r < ' ' && r != '\n' && r != '\t' || r >= 0x7f && r < 0xa0 {
					t.Fatalf("%x prints %q", data, text)
				}
			}
		}
	})
}
