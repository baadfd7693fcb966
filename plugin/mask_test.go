//go:build linux

package main

import (
	"regexp"
	"strings"
	"testing"
)

// volatile is what differs between two runs of the same command: the numbers of processes,
// pipes, terminals and keys; counters of queued signals, memory, context switches and key
// users; times; and process states.
var volatile = []struct {
	pattern *regexp.Regexp
	put     string
}{
	{regexp.MustCompile(`(?m)^((?:Tgid|Pid|PPid|NStgid|NSpid|NSpgid|NSsid|SigQ):).*$`), "$1 #"},
	{regexp.MustCompile(`(?m)^((?:Vm|Rss|Hugetlb)\w*:).*$`), "$1 #"},
	{regexp.MustCompile(`(?m)^((?:non)?voluntary_ctxt_switches:).*$`), "$1 #"},
	{regexp.MustCompile(`(pipe|socket):\[\d+\]`), "$1:[#]"},
	{regexp.MustCompile(`/dev/pts/\d+`), "/dev/pts/#"},
	{regexp.MustCompile(`(?m)^[0-9a-f]{8} ([A-Zi-]{7}) +\d+ `), "# $1 # "}, // of /proc/keys, keyrings(7)
	{regexp.MustCompile(`(?m)^(State:).*$`), "$1 #"},
	{regexp.MustCompile(`(?m)^loginuid \d+ sessionid \d+$`), "loginuid # sessionid #"}, // the caller's, in the section "After a login"
	{regexp.MustCompile(`\b[A-Z][a-z]{2} [ \d]\d \d\d:\d\d\b`), "#time"},
}

// masked returns text with everything volatile replaced.
func masked(text string) string {
	for _, v := range volatile {
		text = v.pattern.ReplaceAllString(text, v.put)
	}
	return text
}

func TestMasked(t *testing.T) {
	got := masked("Pid:\t7\nVmRSS:\t  12 kB\nSeccomp:\t2\n1 -> pipe:[5]")
	for _, kept := range []string{"Seccomp:\t2", "Pid:", "pipe:["} {
		if !strings.Contains(got, kept) {
			t.Errorf("%q is missing in %q", kept, got)
		}
	}
	for _, gone := range []string{"\t7", "12 kB", "[5]"} {
		if strings.Contains(got, gone) {
			t.Errorf("%q is still in %q", gone, got)
		}
	}
}
