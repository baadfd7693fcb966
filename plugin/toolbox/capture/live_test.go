package capture

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/capture/decode"
	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/capture/filter"
)

// inNetwork puts the test's thread into a network that has a loopback only. The thread ends with the test.
func inNetwork(t *testing.T) {
	t.Helper()
	runtime.LockOSThread()
	if err := unix.Unshare(unix.CLONE_NEWNET); errors.Is(err, unix.EPERM) {
		t.Skip("it makes a network, as root")
	} else if err != nil {
		t.Fatal(err)
	}
	lo, err := netlink.LinkByName("lo")
	if err == nil {
		err = netlink.LinkSetUp(lo)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// send sends a frame, in hexadecimal, on the loopback.
func send(t *testing.T, digits string) {
	t.Helper()
	frame, err := hex.DecodeString(digits)
	if err != nil {
		t.Fatal(err)
	}
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	kind := binary.NativeEndian.Uint16(frame[12:])
	if err := unix.Sendto(fd, frame, 0, &unix.SockaddrLinklayer{Ifindex: 1, Protocol: kind, Halen: 6}); err != nil {
		t.Fatal(err)
	}
}

const (
	addresses = "000000000000" + "000000000000"
	// question is to port 53, with 100 bytes of data.
	question = "0800" + "45000080000100004011" + "0000" + "7f000001" + "7f000001" + "9c410035" + "006c0000"
)

// captured returns the first packet that is captured while frames are sent, as it is read from a file.
func captured(t *testing.T, device, expression string, snap int, frames ...string) (linkType, Packet) {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	inNetwork(t)
	from, err := openLive(device)
	must(err)
	defer unix.Close(from.fd)
	program, err := filter.Compile(expression, links[from.link()].filter, filter.Names{})
	must(err)
	choice, err := from.start(program, true)
	must(err)
	for _, frame := range frames {
		send(t, frame)
	}
	c := &call{count: 1, snap: snap, write: filepath.Join(t.TempDir(), "packets")}
	must(c.packets(from, choice, newNames(true)))
	saved, err := openSaved(c.write)
	must(err)
	p, err := saved.read()
	must(err)
	return saved.link(), p
}

// On all interfaces, too, the kernel passes on only what the filter chooses.
func TestAnyInTheKernel(t *testing.T) {
	inNetwork(t)
	from, err := openLive("any")
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(from.fd)
	program, err := filter.Compile("udp port 53 and ip[8] = 64 and udp[4:2] > 100 and not arp", links[from.link()].filter, filter.Names{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := from.start(program, true); err != nil {
		t.Fatal(err)
	}
	data := strings.Repeat("00", 100)
	send(t, addresses+strings.Replace(question, "9c410035", "9c410036", 1)+data)
	send(t, addresses+question+data)
	p, err := from.read()
	if err != nil {
		t.Fatal(err)
	}
	// The loopback sends it, and receives it.
	if received, _ := from.statistics(); received != 2 || !strings.HasSuffix(hex.EncodeToString(p.Data), question[4:]+data) {
		t.Errorf("the kernel has passed on %d packets, want 2; the first is %x", received, p.Data)
	}
}

// What is captured of packets on the loopback and written to a file.
func TestLive(t *testing.T) {
	other := addresses + strings.Replace(question, "9c410035", "9c410036", 1) + strings.Repeat("00", 100)
	for _, row := range []struct {
		name, device, expression, send string
		snap                           int
		size, length                   int // of what is kept, and of the packet
		begin, shown                   string
	}{
		{"all", "lo", "udp port 53", addresses + question + strings.Repeat("00", 100), longest, 142, 142, addresses + question, "ethertype IPv4 (0x0800), length 142: "},
		{"-s", "lo", "udp port 53", addresses + question + strings.Repeat("00", 100), 64, 64, 142, addresses + question, "ethertype IPv4 (0x0800), length 142: "},
		{"-s before what the filter reads", "lo", "udp port 53 and len = 142", addresses + question + strings.Repeat("00", 100), 20, 20, 142, addresses, "length 142: [|ip]"},
		{"any", "any", "udp port 53", addresses + question + strings.Repeat("00", 100), 64, 64, 148, "0800", "length 148: "},
		{"any, -s before what the filter reads", "any", "udp port 53 and greater 148", addresses + question + strings.Repeat("00", 100), 20, 20, 148, "0800", "[|ip]"},
		{"any, ports", "any", "dst portrange 50-53 and (arp or ip[8] = 64)", addresses + question + strings.Repeat("00", 100), longest, 148, 148, "0800", "length 148: "},
		{"VLAN", "lo", "udp port 53", addresses + "8100" + "6005" + question + strings.Repeat("00", 100), longest, 146, 146, addresses + "8100" + "6005" + question, "ethertype 802.1Q (0x8100), length 146: vlan 5, p 3, ethertype IPv4 (0x0800), "},
		{"802.1ad, -s", "lo", "udp port 53", addresses + "88a8" + "0007" + question + strings.Repeat("00", 100), 30, 30, 146, addresses + "88a8" + "0007" + "0800", "ethertype 802.1Q-QinQ (0x88a8), length 146: vlan 7, p 0, "},
	} {
		t.Run(row.name, func(t *testing.T) {
			link, p := captured(t, row.device, row.expression, row.snap, other, row.send)
			if len(p.Data) != row.size || p.Length != row.length || !strings.HasPrefix(hex.EncodeToString(p.Data), row.begin[:min(len(row.begin), 2*row.size)]) {
				t.Errorf("%d of %d bytes are kept, want %d of %d: %x", len(p.Data), p.Length, row.size, row.length, p.Data)
			}
			printer := decode.New(decode.Options{Link: true, Stamps: 1}, uint32(link), links[link].header)
			if got := printer.Packet(p.At, p.Data, p.Length); !strings.Contains(got, row.shown) {
				t.Errorf("it prints %q, want %q", got, row.shown)
			}
		})
	}
}
