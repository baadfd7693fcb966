//go:build linux

package audit_test

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/nsjoin/docker-nsjoin/pkg/audit"
	"github.com/nsjoin/docker-nsjoin/pkg/audit/audittest"
)

// hostile are values that an argument, a name or an error can have.
var hostile = []string{
	"plain", "", "a\nPRIORITY=0", "a\nPRIORITY\n\x01\x00\x00\x00\x00\x00\x00\x000\n", "=", "NSJOIN_UID=0", "\x00", "\xff\xfe",
	"a\r\n<0>Jan  1 00:00:00 host kernel: panic", `" uid="0`, `\" uid="0`, `\`, "\x1b[2J", "\u202e\u2066", "\u2028",
	strings.Repeat("A", 3<<20), strings.Repeat("\n", 9000), strings.Repeat("\xff", 9000), strings.Repeat("é", 9000),
}

// join returns a join in which every text is value.
func join(value string) *audit.Join {
	id := uint32(1000)
	j := &audit.Join{
		ID: strings.Repeat("a", 32), Call: value, Way: "engine", Target: value, Program: value, Who: "container",
		Arguments: []string{value, value, "last"},
		Request: audit.Request{
			Context: value, Endpoint: value,
			Client: &audit.Caller{Login: &id, Session: &id, UID: 1000, Terminal: value, Host: value},
		},
	}
	for _, kind := range []string{"cgroup", "ipc", "mnt", "net", "pid", "time", "user", "uts"} {
		id := strings.Repeat("0", 60) + fmt.Sprintf("%4.4s", kind)
		j.Containers = append(j.Containers, audit.Container{Name: value, ID: id})
		j.Namespaces = append(j.Namespaces, audit.Namespace{Kind: kind, Link: kind + ":[4026532281]", Source: "container " + id})
	}
	return j
}

func records(value string) []audit.Record {
	j := join(value)
	return []audit.Record{j.Begin(), j.End(audit.End{Reason: audit.Exited, PID: 7, Error: value})}
}

// TestHostileJournal: a value that looks like the protocol's fields stays a value. In the
// protocol's text form, NAME=VALUE, a newline would begin the next field.
func TestHostileJournal(t *testing.T) {
	for _, value := range hostile {
		for _, r := range records(value) {
			if err := isWholeInJournal(r); err != nil {
				t.Errorf("%.40q: %v", value, err)
			}
		}
	}
}

func isWholeInJournal(r audit.Record) error {
	got, err := audittest.Parse(r.Text(audit.Journald))
	if err != nil {
		return err
	}
	if len(got) != 5+len(r.Fields) {
		return fmt.Errorf("%d fields of %d", len(got)-5, len(r.Fields))
	}
	for i, f := range r.Fields {
		if read := got[5+i]; read.Name != "NSJOIN_"+strings.ToUpper(f.Name) || read.Value != f.Value {
			return fmt.Errorf("field %d is %s=%.40q, want %s=%.40q", i, read.Name, read.Value, f.Name, f.Value)
		}
	}
	if message := got[0].Value; len(message) > 4096 || strings.Trim(message, printable) != "" {
		return fmt.Errorf("message %q", message)
	}
	return nil
}

// TestHostileSyslog: a record is one line of bounded length, each value ends at its closing
// quote, and values of bounded size are complete.
func TestHostileSyslog(t *testing.T) {
	for _, value := range hostile {
		for _, r := range records(value) {
			if err := isOneLine(r); err != nil {
				t.Errorf("%.40q: %v", value, err)
			}
		}
	}
}

func isOneLine(r audit.Record) error {
	line := string(audit.Head(audit.Syslog, time.Unix(1700000000, 5000), 42)) + string(r.Text(audit.Syslog))
	rest, found := strings.CutPrefix(line, `<85>Nov 14 22:13:20 docker-nsjoin[42]: `)
	if !found || len(line) > 8200 || strings.Trim(line, printable) != "" {
		return fmt.Errorf("%d bytes: %.200q", len(line), line)
	}
	list, err := audittest.ParseSyslog(rest)
	if err != nil {
		return err
	}
	got := make(map[string]string)
	for _, f := range list {
		got[f.Name] = f.Value
	}
	for _, f := range r.Fields {
		text, cut := got[f.Name], got[f.Name+"_bytes"]
		switch {
		case f.Name == "container" || f.Name == "container_id": // occurs several times
		case cut == "" && text != f.Value:
			return fmt.Errorf("%s is %.40q", f.Name, text)
		case cut != "" && cut != strconv.Itoa(len(f.Value)):
			return fmt.Errorf("%s has %d bytes, recorded are %s", f.Name, len(f.Value), cut)
		}
	}
	if n := strings.Count(line, ` container_id="`); n != 8 {
		return fmt.Errorf("%d containers", n)
	}
	return nil
}

const printable = " !\"#$%&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`abcdefghijklmnopqrstuvwxyz{|}~"

// Different argument lists have different records.
func TestArgumentsAreUnambiguous(t *testing.T) {
	seen := make(map[string][]string)
	for _, args := range [][]string{{"a b"}, {"a", "b"}, {`a" "b`}, {"a", "", "b"}, {"a\x00b"}, {"a\n", "b"}, {"a", "\nb"}, {""}, {"\xff"}, {"\ufffd"}} {
		j := &audit.Join{Arguments: args}
		for _, f := range j.Begin().Fields {
			if f.Name != "arguments" {
				continue
			}
			if other, twice := seen[f.Value]; twice {
				t.Errorf("%q and %q are both %s", args, other, f.Value)
			}
			seen[f.Value] = args
		}
	}
	if len(seen) != 10 {
		t.Errorf("%d lists of arguments are recorded, not 10", len(seen))
	}
}

// TestStamp compares with package time's own.
func TestStamp(t *testing.T) {
	for day := int64(0); day < 60000; day += 7 {
		now := time.Unix(day*86400+day%86400, 0).UTC()
		if got := string(audit.Head(audit.Syslog, now, 1)); !strings.HasPrefix(got, "<85>"+now.Format(time.Stamp)+" ") {
			t.Fatalf("%s: %s", now, got)
		}
	}
}
