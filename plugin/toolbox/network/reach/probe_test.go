package reach

import (
	"encoding/binary"
	"encoding/hex"
	"net"
	"reflect"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func TestErrorOf(t *testing.T) {
	target := net.IPv4(10, 0, 0, 9)
	for _, row := range []struct {
		data string // errno, origin, type, code, padding, info and data, address
		want answer
		ok   bool
	}{
		{"71000000020b0000" + "0000000000000000" + "020000000a000001" + "0000000000000000", answer{from: net.IP{10, 0, 0, 1}}, true},
		{"6f00000002030300" + "0000000000000000" + "020000000a000009" + "0000000000000000", answer{from: net.IP{10, 0, 0, 9}, end: true}, true},
		{"7100000002030100" + "0000000000000000" + "020000000a000001" + "0000000000000000", answer{from: net.IP{10, 0, 0, 1}, end: true, note: " !H"}, true},
		{"7100000003030000" + "0000000000000000" + "0a00000000000000" + "fd000000000000000000000000000001" + "00000000", answer{from: net.ParseIP("fd00::1")}, true},
		{"6f00000003010400" + "0000000000000000" + "0a00000000000000" + "fd000000000000000000000000000001" + "00000000", answer{from: net.ParseIP("fd00::1"), end: true}, true},
		{"7100000001000000" + "0000000000000000" + "0000000000000000" + "0000000000000000", answer{from: target, end: true, note: " !H"}, true},
		{"7100000004000000" + "0000000000000000" + "0000000000000000" + "0000000000000000", answer{}, false},
	} {
		data, err := hex.DecodeString(row.data)
		if err != nil {
			t.Fatal(err)
		}
		if got, ok := errorOf(data, target); !reflect.DeepEqual(got, row.want) || ok != row.ok {
			t.Errorf("%s is %+v, %v, want %+v", row.data, got, ok, row.want)
		}
	}
}

// The kernel has no route to an address of a link without the interface.
func TestTargetKeepsItsInterface(t *testing.T) {
	for _, row := range []struct {
		zone string
		want uint32
		ok   bool
	}{{"lo", 1, true}, {"7", 7, true}, {"", 0, true}, {"nosuch", 0, false}} {
		probed := &traceroute{ip: net.ParseIP("fe80::1"), zone: row.zone}
		to, err := probed.target(80)
		if (err == nil) != row.ok {
			t.Errorf("%q: %v", row.zone, err)
		}
		if six, ok := to.(*unix.SockaddrInet6); row.ok && (!ok || six.ZoneId != row.want || six.Port != 80) {
			t.Errorf("%q is %+v", row.zone, to)
		}
	}
}

// What a router answers is told as iputils does.
func TestFailures(t *testing.T) {
	for _, row := range []struct{ data, from, text string }{
		{"71000000020301000000000000000000" + "020000000a0000010000000000000000", "10.0.0.1", "Destination Host Unreachable"},
		{"5a0000000203040000000000dc050000"[:16] + "dc05000000000000" + "020000000a0000010000000000000000", "10.0.0.1", "Frag needed and DF set (mtu = 1500)"},
		{"71000000020b00000000000000000000" + "020000000a0000010000000000000000", "10.0.0.1", "Time to live exceeded"},
		{"71000000030103000000000000000000" + "0a00000000000000fd00000000000000000000000000000100000000", "fd00::1", "Destination unreachable: Address unreachable"},
		{"71000000020304000000000000000000", "", ""},
	} {
		data, err := hex.DecodeString(row.data)
		if err != nil {
			t.Fatal(err)
		}
		if littleEndian := binary.NativeEndian.Uint16([]byte{1, 0}) == 1; !littleEndian && strings.Contains(row.text, "mtu") {
			continue
		}
		if from, text := failureText(data); from != row.from || text != row.text {
			t.Errorf("%s is %q from %q, want %q from %q", row.data, text, from, row.text, row.from)
		}
	}
}
