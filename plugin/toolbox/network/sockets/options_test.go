package sockets

import (
	"strings"
	"testing"

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/tooltest"
)

// What a tool does not do is refused by name.
func TestOptionsAreRefused(t *testing.T) {
	tooltest.Statuses(t, Ss, map[string]int{
		"-m":                 255,
		"-r":                 255,
		"-tln state nosuch":  255,
		"-tln ( sport = :80": 255,
		"-tin":               0,
		"-tln autobound x":   255,
	})
}

func TestTimers(t *testing.T) {
	for _, row := range []struct{ timer, again, want string }{
		{"00:00000000", "00000000", ""}, {"01:00000014", "00000002", "timer:(on,200ms,2)"}, {"02:00000BB8", "00000000", "timer:(keepalive,30sec,0)"}, {"x", "", ""},
	} {
		if got := timerText(row.timer, row.again); got != row.want {
			t.Errorf("%s is %q, want %q", row.timer, got, row.want)
		}
	}
}

// Parentheses, "not" and comparisons choose as ss(8) says. "or" binds least.
func TestFilters(t *testing.T) {
	list := []socket{
		{kind: "tcp", state: "LISTEN", local: "0.0.0.0", localPort: "80", peer: "0.0.0.0", peer2: "*"},
		{kind: "tcp", state: "ESTAB", local: "10.0.0.1", localPort: "80", peer: "10.0.0.2", peer2: "40000"},
		{kind: "tcp", state: "ESTAB", local: "[fd00::1]", localPort: "22", peer: "[fd00::2]", peer2: "50000"},
		{kind: "tcp", state: "TIME-WAIT", local: "10.0.0.1", localPort: "40001", peer: "10.0.0.2", peer2: "443"},
	}
	for filter, want := range map[string]string{
		"":                                "0123",
		"sport = :80":                     "01",
		"sport=:http":                     "01",
		"( sport = :80 or dport = :443 )": "013",
		"(sport = :80 and dst 10.0.0.2) or dport = :443": "13",
		"sport = :22 or sport = :80 and state listening": "02",
		"sport = :80 dst 10.0.0.2":                       "1",
		"not sport = :80":                                "23",
		"! ( sport = :80 or sport = :22 )":               "3",
		"sport != :80":                                   "23",
		"sport >= :1024":                                 "3",
		"sport < :80":                                    "2",
		"sport gt :80":                                   "3",
		"dst 10.0.0.0/8":                                 "13",
		"dst 10.0.0.2:443":                               "3",
		"src [fd00::1]:22":                               "2",
		"src fd00::/16":                                  "2",
		"dst != 10.0.0.2":                                "02",
		"state established":                              "12",
		"state connected":                                "123",
		"exclude established":                            "03",
		"state time-wait or state listening":             "03",
	} {
		meets, _, _, err := newFilter(strings.Fields(filter))
		if err != nil {
			t.Errorf("%s: %v", filter, err)
			continue
		}
		got := ""
		for i := range list {
			if meets(&list[i]) {
				got += string(rune('0' + i))
			}
		}
		if got != want {
			t.Errorf("%s chooses %q, want %q", filter, got, want)
		}
	}
	for _, filter := range []string{"sport", "sport = ", "( sport = :80", "sport = :80 )", "nonsense 1", "src < 10.0.0.1", "src nosuch", "state nosuch", "not", "sport = :nosuch", "sport = :80 or"} {
		if _, _, _, err := newFilter(strings.Fields(filter)); err == nil {
			t.Errorf("%s is accepted", filter)
		}
	}
}
