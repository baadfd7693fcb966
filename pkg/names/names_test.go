package names_test

import (
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/nsjoin/docker-nsjoin/pkg/names"
)

// The files are those that dockerd 20.10 and 28 write, without comments.
func TestResolvConfIsDockers(t *testing.T) {
	const host = "# from DHCP\nnameserver 192.0.2.53\nnameserver 127.0.0.1\nnameserver 2001:db8::53\nsearch one.example two.example\noptions edns0 ndots:2\n"
	for _, row := range []struct {
		name, host, want string
		r                names.Resolv
	}{
		{"default network", host, "nameserver 192.0.2.53\nnameserver 2001:db8::53\nsearch one.example two.example\noptions edns0 ndots:2\n", names.Resolv{}},
		{"no server that can be reached", "nameserver 127.0.0.53\nnameserver ::1\n", "nameserver 8.8.8.8\nnameserver 8.8.4.4\n", names.Resolv{}},
		{"no file", "", "nameserver 8.8.8.8\nnameserver 8.8.4.4\n", names.Resolv{}},
		{"domain", "domain a.example\nnameserver 192.0.2.1", "nameserver 192.0.2.1\nsearch a.example\n", names.Resolv{}},
		{"the last search line counts", "search a\nsearch b\nnameserver 192.0.2.1", "nameserver 192.0.2.1\nsearch b\n", names.Resolv{}},
		{"user-defined network", host, "nameserver 127.0.0.11\nsearch one.example two.example\noptions edns0 ndots:2\n", names.Resolv{Embedded: true}},
		{"user-defined network without ndots", "nameserver 192.0.2.1", "nameserver 127.0.0.11\noptions ndots:0\n", names.Resolv{Embedded: true}},
		{"--dns is asked by Docker's server", host, "nameserver 127.0.0.11\nsearch x.example\noptions timeout:1 ndots:0\n", names.Resolv{
			Embedded: true, Servers: []string{"192.0.2.9"}, Search: []string{"x.example"}, Options: []string{"timeout:1"},
		}},
		{"--dns", host, "nameserver 192.0.2.9\nsearch one.example two.example\noptions edns0 ndots:2\n", names.Resolv{Servers: []string{"192.0.2.9"}}},
		{"--dns of the container itself", host, "nameserver 127.0.0.1\nsearch one.example two.example\noptions edns0 ndots:2\n", names.Resolv{Servers: []string{"127.0.0.1"}}},
		{"--dns-search .", host, "nameserver 192.0.2.53\nnameserver 2001:db8::53\noptions edns0 ndots:2\n", names.Resolv{Search: []string{"."}}},
		{"the host's network", host, "nameserver 192.0.2.53\nnameserver 127.0.0.1\nnameserver 2001:db8::53\nsearch one.example two.example\noptions edns0 ndots:2\n", names.Resolv{Host: true}},
		{"settings that are not valid", host, "nameserver 8.8.8.8\nnameserver 8.8.4.4\nsearch ok\noptions ok:1\n", names.Resolv{
			Search: []string{"a\nnameserver 192.0.2.66", "ok", "-x", "a b"}, Options: []string{"ok:1", "x y", "z\n"},
		}},
	} {
		if row.name == "settings that are not valid" {
			row.host = "nameserver x\nnameserver 192.0.2.1.1\n"
		}
		if got := row.r.Text(row.host); got != row.want {
			t.Errorf("%s:\n%swant\n%s", row.name, got, row.want)
		}
	}
}

func TestOnlyStub(t *testing.T) {
	for text, want := range map[string]bool{
		"nameserver 127.0.0.53\noptions edns0 trust-ad\nsearch .\n": true,
		"# comment\nnameserver 127.0.0.53 # stub":                   true,
		"nameserver 127.0.0.53\nnameserver 192.0.2.1\n":             false,
		"nameserver 127.0.0.1\n":                                    false,
		"":                                                          false,
	} {
		if got := names.OnlyStub(text); got != want {
			t.Errorf("%q: %v", text, got)
		}
	}
}

const local = "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\nfe00::0\tip6-localnet\nff00::0\tip6-mcastprefix\nff02::1\tip6-allnodes\nff02::2\tip6-allrouters\n"

func TestHosts(t *testing.T) {
	got, dropped := names.Hosts([]names.Host{
		{"192.0.2.1", []string{"db", "db.example"}},
		{"192.0.2.2", []string{"localhost"}},
		{"192.0.2.2", []string{"x", "LOCALHOST."}},
		{"192.0.2.2", []string{"a.localhost"}},
		{"192.0.2.2", []string{"ip6-loopback"}},
		{"192.0.2.2", []string{"a\n192.0.2.3 b"}},
		{"192.0.2.2 x", []string{"a"}},
		{"192.0.2.2", nil},
		{"192.0.2.2", []string{""}},
		{"2001:db8::2", []string{"six"}},
	})
	if want := local + "192.0.2.1\tdb db.example\n2001:db8::2\tsix\n"; got != want || dropped != 8 {
		t.Errorf("%d dropped:\n%s", dropped, got)
	}
	many := make([]names.Host, 10_000)
	for i := range many {
		many[i] = names.Host{Address: "192.0.2.1", Names: []string{strings.Repeat("x", 200)}}
	}
	if got, dropped := names.Hosts(many); len(got) > names.MaxFile || dropped < 9_000 || dropped == len(many) {
		t.Errorf("%d bytes, %d dropped", len(got), dropped)
	}
}

func TestOwnFilesAreCleaned(t *testing.T) {
	hosts, dropped := names.CleanHosts(local + "192.0.2.1 db # its database\n\n# nothing\n192.0.2.1 localhost\n0x7f.1 x\n192.0.2.1 caf\xe9\n192.0.2.1 a\x1b[31mb\n" +
		"192.0.2.4 " + strings.Repeat("long ", 300) + "\n  192.0.2.5\tindented \r\n")
	if want := local + "192.0.2.1\tdb\n192.0.2.5\tindented\n"; hosts != want || dropped != 5 {
		t.Errorf("%d dropped:\n%s", dropped, hosts)
	}
	resolv, dropped := names.CleanResolv("; comment\nnameserver 127.0.0.11\nnameserver fe80::1%eth0\nnameserver fe80::1%e$h0\nsortlist 1.2.3.4\nsearch a b\x00\nlookup file\nnameserver\n")
	if want := "nameserver 127.0.0.11\nnameserver fe80::1%eth0\n"; resolv != want || dropped != 3 {
		t.Errorf("%d dropped:\n%s", dropped, resolv)
	}
	for text, want := range map[string]bool{
		"web\n": true, "web.example": true, "": false, "\n": false, "a b\n": false, "a\nb\n": false, "localhost\n": false, "a\x1b": false, "-a": false,
		strings.Repeat("a", 300): false,
	} {
		if got, ok := names.CleanHostname(text); ok != want || ok && got != strings.TrimSuffix(text, "\n")+"\n" {
			t.Errorf("%q: %q, %v", text, got, ok)
		}
	}
}

func TestOnlyTheHostsLineOfNsswitchIsChanged(t *testing.T) {
	for _, row := range []struct {
		text, want string
		changed    bool
	}{
		{"passwd: files\nhosts: files dns\n", "passwd: files\nhosts: files dns\n", false},
		{"hosts:\tfiles   dns # ok\n", "hosts:\tfiles   dns # ok\n", false},
		{"hosts: files mdns4_minimal [NOTFOUND=return] dns\nnetworks: files\n", "hosts: files dns\nnetworks: files\n", true},
		{"a: b\n hosts : resolve [!UNAVAIL=return] files myhostname dns", "a: b\nhosts: files dns\n", true},
		{"hosts: files dns\nhosts: resolve\n", "hosts: files dns\n", true},
		{"hosts: resolve\nhosts: files dns\n", "hosts: files dns\n", true},
		{"#hosts: resolve\npasswd: files", "#hosts: resolve\npasswd: files\nhosts: files dns\n", true},
		{"", "hosts: files dns\n", true},
	} {
		if got, changed := names.FilesThenDNS(row.text); got != row.want || changed != row.changed {
			t.Errorf("%q: %q, changed: %v", row.text, got, changed)
		}
	}
}

// An address is valid if package netip accepts it, apart from zones with odd characters.
func FuzzAddress(f *testing.F) {
	for _, s := range []string{
		"192.0.2.1", "127.0.0.1", "0.0.0.0", "1.2.3", "1.2.3.4.5", "01.2.3.4", "256.1.1.1", "1.2.3.4 ", "+1.2.3.4", "::", "::1", "1::", "2001:db8::1", "1:2:3:4:5:6:7:8",
		"1:2:3:4:5:6:7::", "::2:3:4:5:6:7:8", "1::2::3", "::ffff:127.0.0.1", "1:2:3:4:5:6:1.2.3.4", "::1.2.3.4.5", "1.2.3.4::", "fe80::1%eth0", "1.2.3.4%x", "::%", ":1", "1:", ":::",
		"12345::", "g::", "0:0:0:0:0:0:0:1", "::127.0.0.1", "1:2:3:4:5:6:7:8:9", "::00001", "", ":", "%",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		a, err := netip.ParseAddr(s)
		if got, want := names.ValidAddress(s), err == nil && (a.Zone() == "" || names.ValidName(a.Zone())); got != want {
			t.Errorf("%q: %v, want %v", s, got, want)
		}
		if err != nil || a.Zone() != "" {
			return
		}
		loopback := a.Unmap().IsLoopback() || a.Unmap().IsUnspecified()
		got := names.Resolv{}.Text("nameserver " + s + "\n")
		if (got == "nameserver "+s+"\n") == loopback && s != "8.8.8.8" {
			t.Errorf("%q is a loopback address: %v, and the file has %q", s, loopback, got)
		}
	})
}

var (
	localName      = regexp.MustCompile(`(?i)[ \t.]localhost\.?[ \n]`)
	printableLines = regexp.MustCompile(`^([ -~\t]*\n)*$`)
)

// addSamples adds files of containers.
func addSamples(f *testing.F) {
	f.Helper()
	samples, err := filepath.Glob("testdata/own/*")
	if err != nil || len(samples) == 0 {
		f.Fatal("no samples: ", err)
	}
	for _, file := range samples {
		text, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(text))
	}
}

// Whatever a container writes, its files have only valid lines, none about localhost, and cleaning them again changes
// nothing.
func FuzzOwnFiles(f *testing.F) {
	addSamples(f)
	f.Fuzz(func(t *testing.T, text string) {
		hosts, _ := names.CleanHosts(text)
		resolv, _ := names.CleanResolv(text)
		if again, dropped := names.CleanHosts(hosts); again != hosts || dropped > 0 {
			t.Errorf("%q gives %q, which gives %q", text, hosts, again)
		}
		if again, dropped := names.CleanResolv(resolv); again != resolv || dropped > 0 {
			t.Errorf("%q gives %q, which gives %q", text, resolv, again)
		}
		if len(hosts) > names.MaxFile || !strings.HasPrefix(hosts, local) {
			t.Errorf("%q gives %q", text, hosts)
		}
		if localName.MatchString(strings.TrimPrefix(hosts, local)) {
			t.Errorf("%q gives %q, with a localhost of its own", text, hosts)
		}
		if !printableLines.MatchString(hosts) || !printableLines.MatchString(resolv) {
			t.Errorf("%q gives %q and %q", text, hosts, resolv)
		}
		if name, ok := names.CleanHostname(text); ok && strings.Count(name, "\n") != 1 {
			t.Errorf("%q gives %q", text, name)
		}
	})
}
