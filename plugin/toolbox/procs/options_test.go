package procs

import (
	"strings"
	"testing"

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/network/sockets"
	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/tooltest"
)

// What a tool does not do is refused by name.
func TestOptionsAreRefused(t *testing.T) {
	tooltest.Statuses(t, Ps, map[string]int{
		"-eM":       1,
		"axZ":       1,
		"m":         1,
		"-o user:x": 1,
		"-o nosuch": 1,
	})
	tooltest.Statuses(t, Lsof, map[string]int{
		"-i :http":    1,
		"-i TCP@name": 1,
		"-s UDP:Idle": 1,
		"-r 1":        1,
		"+L2":         1,
		"+D":          1,
		"+x":          1,
		"-s TCP:^x":   1,
	})
	tooltest.Statuses(t, Top, map[string]int{
		"-bn1 -o nosuch": 1,
		"-bn1 -u nosuch": 1,
	})
}

func TestPsColumns(t *testing.T) {
	for args, want := range map[string]string{
		"-e": "PID TTY TIME CMD", "-ef": "UID PID PPID C STIME TTY TIME CMD", "-eL": "PID LWP TTY TIME CMD", "-eT": "PID SPID TTY TIME CMD",
		"-eLf": "UID PID PPID LWP C NLWP STIME TTY TIME CMD", "-ej": "PID PGID SID TTY TIME CMD", "-o pid,user:20,ruser,comm=": "PID USER RUSER ",
	} {
		c := &psCall{}
		words := strings.Fields(args)
		for len(words) > 0 {
			rest, err := c.option(words)
			if err != nil {
				t.Fatal(err)
			}
			words = rest
		}
		shown, err := c.shown()
		if err != nil {
			t.Fatal(err)
		}
		var titles []string
		for _, col := range shown {
			titles = append(titles, col.title)
		}
		if got := strings.Join(titles, " "); got != want {
			t.Errorf("ps %s has %q, want %q", args, got, want)
		}
		if args[1] == 'o' && c.limits[1] != 20 {
			t.Errorf("the width is %d", c.limits[1])
		}
	}
}

func TestLsofChoosesSockets(t *testing.T) {
	tcp := sockets.Open{Kind: "IPv4", Protocol: "TCP", Name: "127.0.0.1:80->10.0.0.1:5000"}
	six, udp := sockets.Open{Kind: "IPv6", Protocol: "TCP", Name: "*:443"}, sockets.Open{Kind: "IPv4", Protocol: "UDP", Name: "*:53"}
	for text, want := range map[string][3]bool{
		"all": {true, true, true}, "TCP": {true, true, false}, "udp": {false, false, true}, ":80": {true, false, false}, ":80,53": {true, false, true}, ":8": {},
		"TCP:443": {false, true, false}, "4": {true, false, true}, "6TCP": {false, true, false}, "@10.0.0.1": {true, false, false}, "TCP@10.0.0.1:80": {}, "@10.0.0.1:5000": {true, false, false},
	} {
		c, err := parseInternet(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
		}
		if got := [3]bool{c.matches(tcp), c.matches(six), c.matches(udp)}; got != want {
			t.Errorf("-i %s matches %v, want %v", text, got, want)
		}
	}
}

func TestLsofLetters(t *testing.T) {
	for args, want := range map[string]string{
		"-ti:80": "-t -i:80", "-nPi :80": "-nP -i:80", "-i tcp:80 x": "-itcp:80 x", "-i file": "-i file", "-nPiTCP -sTCP:LISTEN": "-nP -iTCP -sTCP:LISTEN", "-t file": "-t file",
	} {
		if got := strings.Join(internetValue(strings.Fields(args)), " "); got != want {
			t.Errorf("%s is read as %s, want %s", args, got, want)
		}
	}
}
