package network

import (
	"encoding/hex"
	"net"
	"reflect"
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
