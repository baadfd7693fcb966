package spec_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/nsjoin/docker-nsjoin/pkg/forward/spec"
)

func tcp(address string, port uint16) spec.Listen {
	return spec.Listen{Network: spec.TCP, Address: address, Port: port}
}

func to(host string, port uint16) spec.Target {
	return spec.Target{Network: spec.TCP, Host: host, Port: port}
}

func TestParse(t *testing.T) {
	unixListen := func(path string) spec.Listen { return spec.Listen{Network: spec.Unix, Path: path} }
	unixTarget := func(path string) spec.Target { return spec.Target{Network: spec.Unix, Path: path} }
	dns := spec.Listen{Network: spec.UDP, Port: 53}
	for word, want := range map[string]spec.Forward{
		"8080:80":                   {Listen: tcp("", 8080), Target: to("", 80)},
		"80":                        {Listen: tcp("", 80), Target: to("", 80)},
		"80/tcp":                    {Listen: tcp("", 80), Target: to("", 80)},
		"0:80":                      {Listen: tcp("", 0), Target: to("", 80)},
		":80":                       {Listen: tcp("", 0), Target: to("", 80)},
		"8080:db:5432":              {Listen: tcp("", 8080), Target: to("db", 5432)},
		":db:5432":                  {Listen: tcp("", 0), Target: to("db", 5432)},
		"8080:my_app.default:80":    {Listen: tcp("", 8080), Target: to("my_app.default", 80)},
		"127.0.0.2:8080:80":         {Listen: tcp("127.0.0.2", 8080), Target: to("", 80)},
		"127.0.0.2::80":             {Listen: tcp("127.0.0.2", 0), Target: to("", 80)},
		"localhost:8080:db:80":      {Listen: tcp("localhost", 8080), Target: to("db", 80)},
		"*:8080:80":                 {Listen: tcp("*", 8080), Target: to("", 80)},
		"[::1]:8080:80":             {Listen: tcp("::1", 8080), Target: to("", 80)},
		"[fe80::1%eth0]:8080:db:80": {Listen: tcp("fe80::1%eth0", 8080), Target: to("db", 80)},
		"8080:[2001:db8::1]:80":     {Listen: tcp("", 8080), Target: to("2001:db8::1", 80)},
		"[::]:8080:[::1]:80":        {Listen: tcp("::", 8080), Target: to("::1", 80)},
		"53:53/udp":                 {Listen: dns, Target: spec.Target{Network: spec.UDP, Port: 53}},
		"53/UDP":                    {Listen: dns, Target: spec.Target{Network: spec.UDP, Port: 53}},
		"53:dns:53/udp":             {Listen: dns, Target: spec.Target{Network: spec.UDP, Host: "dns", Port: 53}},
		"/tmp/a:/run/b":             {Listen: unixListen("/tmp/a"), Target: unixTarget("/run/b")},
		"./a:/run/b:c":              {Listen: unixListen("./a"), Target: unixTarget("/run/b:c")},
		"../a:@b":                   {Listen: unixListen("../a"), Target: unixTarget("@b")},
		"@a:@b:c":                   {Listen: unixListen("@a"), Target: unixTarget("@b:c")},
		"/tmp/a:5432":               {Listen: unixListen("/tmp/a"), Target: to("", 5432)},
		"/tmp/a:db:5432":            {Listen: unixListen("/tmp/a"), Target: to("db", 5432)},
		"/tmp/a:[::1]:5432":         {Listen: unixListen("/tmp/a"), Target: to("::1", 5432)},
		"8080:/run/b":               {Listen: tcp("", 8080), Target: unixTarget("/run/b")},
		"8080:/udp":                 {Listen: tcp("", 8080), Target: unixTarget("/udp")},
		"8080:/80/udp":              {Listen: tcp("", 8080), Target: unixTarget("/80/udp")},
		"127.0.0.1:8080:@b":         {Listen: tcp("127.0.0.1", 8080), Target: unixTarget("@b")},
		"[::1]:8080:/run/b":         {Listen: tcp("::1", 8080), Target: unixTarget("/run/b")},
	} {
		got, err := spec.Parse(word)
		if err != nil || got != want {
			t.Errorf("%s: %+v, %v\nwant %+v", word, got, err, want)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	for word, problem := range map[string]string{
		"":                                     "the target has no port",
		"x":                                    `"x" is not a port`,
		"70000":                                "70000 is not a port",
		"0":                                    "port 0 is no target",
		"8080:0":                               "port 0 is no target",
		"8080:":                                "the target has no port",
		"-1:80":                                `"-1" is not a port`,
		"db:5432":                              `"db" is not a port`,
		"8080:http":                            `"http" is not a port`,
		"8080:80/sctp":                         `"sctp" is not tcp or udp`,
		"8080:80/":                             `"" is not tcp or udp`,
		"80:90:100":                            `"90" is not a host`,
		"web.example:8080:80":                  `"web.example" is not an IP address to listen on`,
		":8080:db:80":                          "no address to listen on",
		"::1:8080:80":                          "an IPv6 address is in brackets",
		"[::1:8080:80":                         "brackets enclose an IPv6 address",
		"[::1]8080:80":                         "brackets enclose an IPv6 address",
		"8080:[db]:80":                         `"db" is not an IPv6 address`,
		"8080:[127.0.0.1]:80":                  `"127.0.0.1" is not an IPv6 address`,
		"8080::80":                             "the target has no host",
		"8080:a b:80":                          "not the name or address",
		"/run/x.sock":                          "where should it listen?",
		"/tmp/a/:/b":                           "does not end in /",
		"8080:@":                               "an abstract socket has a name",
		"8080:./a":                             "begins with / or @",
		"/tmp/a:53/udp":                        "UDP goes from port to port",
		"/" + strings.Repeat("a", 107) + ":80": "at most 107 bytes",
		"80:/" + strings.Repeat("a", 107):      "at most 107 bytes", // of a question to the helper, too
		"127.0.0.1:127.0.0.1:8080:80":          "not a port",
		"8080:\x1b[2J:80":                      "not the name or address",
	} {
		_, err := spec.Parse(word)
		wrong, ok := errors.AsType[*spec.Error](err)
		if !ok || !strings.Contains(wrong.Problem, problem) || wrong.Word != word || wrong.Form == "" {
			t.Errorf("%q: %v, want %s", word, err, problem)
		}
	}
}

func TestParseReverse(t *testing.T) {
	got, err := spec.ParseReverse("5432:localhost:5432")
	want := spec.Forward{Listen: tcp("", 5432), Target: to("localhost", 5432), Reverse: true}
	if err != nil || got != want {
		t.Errorf("%+v, %v", got, err)
	}
	if got, err := spec.ParseReverse("/run/a:./b"); err != nil || got.Target.Path != "./b" {
		t.Errorf("%+v, %v", got, err)
	}
	for _, word := range []string{"53/udp", "./a:/b", "x"} {
		if _, err := spec.ParseReverse(word); err == nil {
			t.Errorf("%s is not refused", word)
		}
	}
}

func TestParseProxy(t *testing.T) {
	for word, want := range map[string]spec.Listen{
		"1080":           tcp("", 1080),
		"0":              tcp("", 0),
		"127.0.0.1:1080": tcp("127.0.0.1", 1080),
		"[::1]:1080":     tcp("::1", 1080),
		"*:1080":         tcp("*", 1080),
		"/tmp/s":         {Network: spec.Unix, Path: "/tmp/s"},
	} {
		if got, err := spec.ParseProxy(word); err != nil || got != (spec.Forward{Listen: want, Proxy: true}) {
			t.Errorf("%s: %+v, %v", word, got, err)
		}
	}
	for _, word := range []string{"", ":x", "1080:db:80", "db:1080", "/tmp/s:80", "1080/udp", ":1080"} {
		if got, err := spec.ParseProxy(word); word != "" && err == nil {
			t.Errorf("%s: %+v", word, got)
		}
	}
}

func TestParseTarget(t *testing.T) {
	for word, want := range map[string]spec.Target{
		"22":          to("", 22),
		"db:5432":     to("db", 5432),
		"[::1]:80":    to("::1", 80),
		"10.0.0.1:80": to("10.0.0.1", 80),
		"/run/x:y":    {Network: spec.Unix, Path: "/run/x:y"},
		"@name":       {Network: spec.Unix, Path: "@name"},
	} {
		got, err := spec.ParseTarget(word)
		if err != nil || got != want || got.Dial() != word {
			t.Errorf("%s: %+v, %v, printed %s", word, got, err, got.Dial())
		}
	}
	for _, word := range []string{"", "0", "x", "./x", "80:80:80", "db:", "53/udp"} {
		if got, err := spec.ParseTarget(word); err == nil {
			t.Errorf("%s: %+v", word, got)
		}
	}
}

func TestParseArgs(t *testing.T) {
	groups, err := spec.ParseArgs([]string{"web", "8080:80", "443", "db", "5432", "container:80", "81"})
	if err != nil || len(groups) != 3 || groups[0].Container != "web" || len(groups[0].Forwards) != 2 ||
		groups[1].Container != "db" || len(groups[1].Forwards) != 1 || groups[2].Container != "80" || len(groups[2].Forwards) != 1 {
		t.Errorf("%+v, %v", groups, err)
	}
	if groups, err := spec.ParseArgs([]string{"80", "80"}); err != nil || len(groups) != 1 || groups[0].Container != "80" {
		t.Errorf("the first word is a container: %+v, %v", groups, err)
	}
	if groups, err := spec.ParseArgs([]string{"web"}); err != nil || len(groups) != 1 {
		t.Errorf("a container alone: %+v, %v", groups, err)
	}
	if groups, err := spec.ParseArgs([]string{"web", "8O80"}); err == nil {
		t.Errorf("a container without a SPEC: %+v", groups)
	}
}

func TestTargetString(t *testing.T) {
	for want, target := range map[string]spec.Target{
		"web:80":         to("", 80),
		"web:db:80":      to("db", 80),
		"web:[::1]:80":   to("::1", 80),
		"web:/run/x":     {Network: spec.Unix, Path: "/run/x"},
		"web:53/udp":     {Network: spec.UDP, Port: 53},
		"web:dns:53/udp": {Network: spec.UDP, Host: "dns", Port: 53},
	} {
		if got := target.String("web"); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}

// What is parsed is valid, and an error names its word and the forms.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		"8080:80", "80", "0:80", "8080:db:5432", "53:53/udp", "[::1]:8080:[::1]:80", "/a:/b", "@a:@b", "*:1:/c:d", "::", "[", "a:b:c:d:e", "1:/udp", "/:",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, word string) {
		for _, parse := range []func(string) (spec.Forward, error){spec.Parse, spec.ParseReverse, spec.ParseProxy} {
			got, err := parse(word)
			isValid(t, word, got, err)
		}
		if target, err := spec.ParseTarget(word); err == nil {
			again, err := spec.ParseTarget(target.Dial())
			if err != nil || again != target {
				t.Errorf("%q: %+v, printed %q: %+v, %v", word, target, target.Dial(), again, err)
			}
		}
	})
}

// isValid checks what was parsed from a word.
func isValid(t *testing.T, word string, got spec.Forward, err error) {
	t.Helper()
	if err != nil {
		wrong, ok := errors.AsType[*spec.Error](err)
		if !ok || wrong.Word != word || wrong.Problem == "" || wrong.Form == "" || got != (spec.Forward{}) {
			t.Errorf("%q: %+v, %#v", word, got, err)
		}
		return
	}
	if _, err := spec.Addresses(got.Listen.Address); err != nil {
		t.Errorf("%q: listens on %q", word, got.Listen.Address)
	}
	if (got.Listen.Network == spec.Unix) != (got.Listen.Path != "") || (got.Target.Network == spec.Unix) != (got.Target.Path != "") {
		t.Errorf("%q: %+v", word, got)
	}
	if !got.Proxy && got.Target.Network != spec.Unix && got.Target.Port == 0 {
		t.Errorf("%q leads to port 0", word)
	}
}

// Two forwards of a call cannot listen on one port or path. A free port, another protocol, address or container is no such
// thing.
func TestTwice(t *testing.T) {
	for _, row := range []struct {
		words, reverse []string // of container web; then one of container db follows
		db             []string
		refused        string
	}{
		{[]string{"80", "81"}, nil, nil, ""},
		{[]string{"0:80", "0:80"}, nil, nil, ""},
		{[]string{"8080:80", "8080:81"}, nil, nil, "127.0.0.1:8080"},
		{[]string{"8080:80", "[::1]:8080:81"}, nil, nil, "[::1]:8080"},
		{[]string{"127.0.0.1:8080:80", "[::1]:8080:81"}, nil, nil, ""},
		{[]string{"127.0.0.1:8080:80", "127.0.0.2:8080:81"}, nil, nil, ""},
		{[]string{"53:53", "53:53/udp"}, nil, nil, ""},
		{[]string{"53:53/udp", "53:54/udp"}, nil, nil, "127.0.0.1:53/udp"},
		{[]string{"80"}, nil, []string{"80"}, "127.0.0.1:80"},
		{[]string{"/s:80", "/s:81"}, nil, nil, "/s"},
		{[]string{"80"}, []string{"80"}, nil, ""},
		{nil, []string{"80", "80:81"}, nil, "127.0.0.1:80"},
	} {
		groups := []spec.Group{{Container: "web"}, {Container: "db"}}
		add := func(g *spec.Group, parse func(string) (spec.Forward, error), words []string) {
			for _, word := range words {
				f, err := parse(word)
				if err != nil {
					t.Fatal(err)
				}
				g.Forwards = append(g.Forwards, f)
			}
		}
		add(&groups[0], spec.Parse, row.words)
		add(&groups[0], spec.ParseReverse, row.reverse)
		add(&groups[1], spec.Parse, row.db)
		err := spec.Twice(groups, nil)
		if row.refused == "" && err != nil || row.refused != "" && (err == nil || !strings.Contains(err.Error(), row.refused)) {
			t.Errorf("%+v: %v", row, err)
		}
	}
	typed, err := spec.Parse("127.0.0.1:8080:81")
	if err != nil {
		t.Fatal(err)
	}
	plain, err := spec.Parse("8080:80")
	if err != nil {
		t.Fatal(err)
	}
	groups := []spec.Group{{Container: "web", Forwards: []spec.Forward{plain, typed}}}
	for address, refused := range map[string]bool{"10.0.0.1": false, "127.0.0.1": true} {
		if err := spec.Twice(groups, []string{address, address}); (err != nil) != refused {
			t.Errorf("--address %s: %v", address, err)
		}
	}
}
