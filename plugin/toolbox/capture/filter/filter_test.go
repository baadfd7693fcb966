package filter

import (
	"encoding/hex"
	"errors"
	"net"
	"strings"
	"testing"

	"golang.org/x/net/bpf"
)

var ethernet = Link{Type: 12, Payload: 14, Ethernet: true}

var names = Names{
	Host: func(name string) ([]net.IP, error) {
		if name == "web" {
			return []net.IP{net.IPv4(10, 0, 0, 2), net.ParseIP("fd00::2")}, nil
		}
		return nil, errors.New("unknown host")
	},
	Port: func(name string) (uint16, error) {
		if name == "http" {
			return 80, nil
		}
		return 0, errors.New("unknown port")
	},
}

// packets are frames of Ethernet, by a name.
var packets = map[string]string{
	// 10.0.0.1.40000 > 10.0.0.2.80, SYN
	"syn": "0200000000020200000000010800" + "450000280001400040060000" + "0a0000010a000002" + "9c400050" + "0000000100000000" + "5002ffff00000000",
	// 10.0.0.2.80 > 10.0.0.1.40000, PSH and ACK, with data
	"get":   "0200000000010200000000020800" + "4500002c0001400040060000" + "0a0000020a000001" + "00509c40" + "0000000100000002" + "5018ffff00000000" + "47455420",
	"dns":   "0200000000020200000000010800" + "4500001d0001000040110000" + "0a0000010a000002" + "9c410035" + "00090000" + "00",
	"ping":  "0200000000020200000000010800" + "4500001c0001000040010000" + "0a0000010a010002" + "0800000000010001",
	"arp":   "ffffffffffff0200000000010806" + "0001080006040001" + "0200000000010a000001" + "0000000000000a000002",
	"six":   "02000000000202000000000186dd" + "60000000001406ff" + "fd000000000000000000000000000001" + "fd000000000000000000000000000002" + "9c400050" + "0000000100000000" + "5002ffff00000000",
	"part":  "0200000000020200000000010800" + "4500001c0001000540060000" + "0a0000010a000002" + "9c400050" + "00000001",
	"icmp6": "33330000000102000000000186dd" + "6000000000083aff" + "fe800000000000000000000000000001" + "ff020000000000000000000000000001" + "8000000000010001",
}

func TestExpressions(t *testing.T) {
	for expression, want := range map[string]string{
		"":                              "arp dns get icmp6 part ping six syn",
		"tcp":                           "get part six syn",
		"udp":                           "dns",
		"icmp":                          "ping",
		"icmp6":                         "icmp6",
		"arp":                           "arp",
		"ip":                            "dns get part ping syn",
		"ip6":                           "icmp6 six",
		"ip6 and tcp":                   "six",
		"not ip":                        "arp icmp6 six",
		"! tcp and not arp":             "dns icmp6 ping",
		"port 80":                       "get six syn",
		"port http":                     "get six syn",
		"tcp port 80":                   "get six syn",
		"udp port 80":                   "",
		"src port 80":                   "get",
		"tcp dst port 80":               "six syn",
		"port 53 or 80":                 "dns get six syn",
		"port (53 or 80)":               "dns get six syn",
		"port 53 or port 80":            "dns get six syn",
		"portrange 50-60":               "dns",
		"udp portrange 53-80":           "dns",
		"tcp and not port 80":           "part",
		"host 10.0.0.2":                 "arp dns get part syn",
		"10.0.0.2":                      "arp dns get part syn",
		"src 10.0.0.2":                  "get",
		"src host 10.0.0.2":             "get",
		"ip host 10.0.0.2":              "dns get part syn",
		"arp host 10.0.0.2":             "arp",
		"src or dst host 10.0.0.2":      "arp dns get part syn",
		"src and dst host 10.0.0.2":     "",
		"host 10.0.0.2 and port 80":     "get syn",
		"host fd00::2":                  "six",
		"host web":                      "arp dns get part six syn",
		"net 10.0.0.0/8":                "arp dns get part ping syn",
		"net 10.1":                      "ping",
		"dst net 10.1.0.0/16":           "ping",
		"net 10.1.0.0 mask 255.255.0.0": "ping",
		"net fd00::/16":                 "six",
		"not net 10.0.0.0/8":            "icmp6 six",
		"ether host 2:0:0:0:0:1":        "arp dns get icmp6 part ping six syn",
		"ether src 02:00:00:00:00:02":   "get",
		"ether broadcast":               "arp",
		"broadcast":                     "arp",
		"multicast":                     "arp icmp6",
		"ip6 multicast":                 "icmp6",
		"ip multicast":                  "",
		"ether proto 0x806":             "arp",
		"ether proto \\ip6":             "icmp6 six",
		"ip proto 17":                   "dns",
		"ip proto \\tcp":                "get part syn",
		"proto 6":                       "get part six syn",
		"tcp[tcpflags] & tcp-syn != 0":  "syn",
		"tcp[tcpflags] & (tcp-syn|tcp-ack) == tcp-syn": "syn",
		"tcp[13] = 2":                       "syn",
		"tcp[tcpflags] == tcp-push|tcp-ack": "get",
		"tcp[0:2] = 80":                     "get",
		"tcp[2 : 2] == 80 or icmp":          "ping syn",
		"icmp[icmptype] = icmp-echo":        "ping",
		"icmp[0]==8":                        "ping",
		"icmp6[icmp6type] == icmp6-echo":    "icmp6",
		"ip[8] < 65":                        "dns get part ping syn",
		"ip[2:2] > 41":                      "get",
		"ip[6:2] & 0x1fff != 0":             "part",
		"ether[0] & 1 = 1":                  "arp icmp6",
		"len > 56":                          "get icmp6 six",
		"less 43":                           "arp dns part ping",
		"greater 60":                        "icmp6 six",
		// The expression that everybody copies to see requests of HTTP.
		"tcp port 80 and (((ip[2:2] - ((ip[0]&0xf)<<2)) - ((tcp[12]&0xf0)>>2)) != 0)": "get",
		"(tcp or udp) and (port 53 or src port 80)":                                   "dns get",
		"udp or tcp and src port 80":                                                  "get", // "and" and "or" bind alike
		"tcp && (port 80 || port 443)":                                                "get six syn",
	} {
		program, err := Compile(expression, ethernet, names)
		if err != nil {
			t.Errorf("%s: %v", expression, err)
			continue
		}
		got := choice(t, program, strings.Fields("arp dns get icmp6 part ping six syn"), func(frame string) string { return frame })
		if got != want {
			t.Errorf("%s chooses %q, want %q", expression, got, want)
		}
	}
}

// The same expressions choose packets that have another header, or none.
func TestOtherLinks(t *testing.T) {
	for _, row := range []struct {
		link   Link
		header string
	}{{Link{Type: -1}, ""}, {Link{Type: 0, Payload: 20}, "TYPE0000000000010001000600000000000000000000"[4:]}} {
		for expression, want := range map[string]string{"tcp": "get part six syn", "port 80": "get six syn", "host 10.0.0.1": "dns get part ping syn", "ip6": "icmp6 six", "icmp[0]=8": "ping"} {
			program, err := Compile(expression, row.link, names)
			if err != nil {
				t.Fatal(err)
			}
			got := choice(t, program, strings.Fields("dns get icmp6 part ping six syn"), func(frame string) string {
				if row.header == "" {
					return frame[28:]
				}
				return frame[24:28] + row.header[4:] + frame[28:]
			})
			if got != want {
				t.Errorf("%s chooses %q with the header %q, want %q", expression, got, row.header, want)
			}
		}
	}
}

// What is no payload of IP is not there on a link that has nothing else.
func TestRawLink(t *testing.T) {
	raw := Link{Type: -1}
	for expression, want := range map[string]string{"not arp": "dns six", "icmp or arp or udp": "dns", "not ether proto 0x806": "dns six", "not arp[6] = 1": "dns six"} {
		program, err := Compile(expression, raw, names)
		if err != nil {
			t.Errorf("%s: %v", expression, err)
			continue
		}
		if got := choice(t, program, []string{"dns", "six"}, func(frame string) string { return frame[28:] }); got != want {
			t.Errorf("%s chooses %q, want %q", expression, got, want)
		}
	}
}

// The limited broadcast is a multicast for libpcap.
func TestMulticast(t *testing.T) {
	program, err := Compile("ip multicast", ethernet, names)
	if err != nil {
		t.Fatal(err)
	}
	for first, want := range map[string]string{"df": "", "e0": "dns", "ff": "dns"} {
		if got := choice(t, program, []string{"dns"}, func(frame string) string { return frame[:60] + first + frame[62:] }); got != want {
			t.Errorf("it chooses %q for %s, want %q", got, first, want)
		}
	}
}

// The length of a packet is not that of what was kept of it.
func TestLength(t *testing.T) {
	for expression, want := range map[string][2]bool{"greater 100": {true, false}, "less 60": {false, true}, "len = 1254": {true, false}, "len - 14 > 1000 and ip": {true, false}, "ip": {true, true}} {
		program, err := Compile(expression, ethernet, names)
		if err != nil {
			t.Fatal(err)
		}
		matcher, err := NewMatcher(program)
		if err != nil {
			t.Fatal(err)
		}
		data, err := hex.DecodeString(packets["syn"])
		if err != nil {
			t.Fatal(err)
		}
		if got := [2]bool{matcher.Chooses(data, 1254), matcher.Chooses(data, len(data))}; got != want {
			t.Errorf("%s chooses %v, want %v", expression, got, want)
		}
	}
}

// choice returns the names of the packets that a program chooses. change makes what it gets of a frame, in hexadecimal.
func choice(t *testing.T, program Program, list []string, change func(frame string) string) string {
	t.Helper()
	matcher, err := NewMatcher(program)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, name := range list {
		data, err := hex.DecodeString(change(packets[name]))
		if err != nil {
			t.Fatal(err)
		}
		if matcher.Chooses(data, len(data)) {
			got = append(got, name)
		}
		for short := range len(data) { // a packet that is cut off
			matcher.Chooses(data[:short], len(data))
		}
	}
	return strings.Join(got, " ")
}

func TestWrongExpressions(t *testing.T) {
	for expression, want := range map[string]string{
		"nosuch":                      "unknown host",
		"port nosuch":                 "unknown port",
		"port 70000":                  "invalid",
		"tcp and":                     "incomplete",
		"tcp[13":                      "incomplete",
		"tcp[13] &":                   "incomplete",
		"tcp[13:3] = 1":               "1, 2 or 4 bytes",
		"(tcp":                        "incomplete",
		"tcp)":                        `unexpected ")"`,
		"tcp port":                    "incomplete",
		"host 10.0.0.1 10.0.0.2":      `unexpected "10.0.0.2"`,
		"net 10.0.0.1/8":              "beyond its mask",
		"vlan":                        `"vlan" is not supported here`,
		"inbound":                     `"inbound" is not supported here`,
		"tcp and gateway web":         `"gateway" is not supported here`,
		"port 80 or tcp[13]=2 or 443": "unknown host",
		"ip[1] / 0 = 1":               "divides by zero",
		"ip[1] % (4 / 0) = 1":         "divides by zero",
		"web[0] = 1":                  "web[] is not supported here",
		"icmp port 5":                 "has no ports",
		"tcp host web":                "has no hosts",
		"ether host web":              "no address of Ethernet",
		"tcp 'x'":                     `unexpected "'"`,
		"ip proto nosuch":             "unknown",
		"tcp[tcpflags] & nosuch != 0": `unexpected "nosuch"`,
		strings.Repeat("not ", 5) + strings.Repeat("tcp or ", 5000) + "udp": "too long",
	} {
		if _, err := Compile(expression, ethernet, names); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.60s: %v, want %q", expression, err, want)
		}
	}
	for expression, want := range map[string]error{"ether broadcast": errNoEthernet, "ether[0] & 1 = 1": errNoEthernet, "arp": errNothing, "ip and ether proto \\arp": errNothing} {
		if _, err := Compile(expression, Link{Type: -1}, names); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", expression, err, want)
		}
	}
}

func FuzzCompile(f *testing.F) {
	for _, text := range []string{"tcp and port 80", "tcp[tcpflags] & (tcp-syn|tcp-ack) != 0", "not (host 10.0.0.1 or net fd00::/8)", "ether proto 0x806 or len > 5"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		program, err := Compile(text, ethernet, Names{})
		if err != nil {
			return
		}
		if _, err := bpf.NewVM(program); err != nil {
			t.Errorf("%q: %v", text, err)
		}
	})
}

// What is nested is limited: a filter may come from a file.
func TestNesting(t *testing.T) {
	for text, ok := range map[string]bool{
		strings.Repeat("(", 50) + "tcp" + strings.Repeat(")", 50): true, strings.Repeat("(", 60000) + "tcp" + strings.Repeat(")", 60000): false,
		strings.Repeat("not ", 60000) + "tcp": false, strings.Repeat("-", 60000) + "1 = 1": false, strings.Repeat("(", 60000): false,
	} {
		if _, err := Compile(text, Link{Type: 12, Payload: 14, Ethernet: true}, Names{}); (err == nil) != ok {
			t.Errorf("%.20s...: %v", text, err)
		}
	}
}
