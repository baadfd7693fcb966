package audit_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/nsjoin/docker-nsjoin/pkg/audit"
)

// hostile are values that an argument, a name or an error can have.
var hostile = []string{
	"plain", "", "a\nPRIORITY=0", "a\nPRIORITY\n\x01\x00\x00\x00\x00\x00\x00\x000\n", "=", "NSJOIN_UID=0", "\x00", "\xff\xfe",
	"a\r\n<0>Jan  1 00:00:00 host kernel: panic", `" uid="0`, `\" uid="0`, `\`, "\x1b[2J", "\u202e\u2066", "\u2028",
	strings.Repeat("A", 3<<20), strings.Repeat("\n", 9000), strings.Repeat("\xff", 9000), strings.Repeat("é", 9000),
}

// join is one whose every text is value.
func join(value string) *audit.Join {
	id := uint32(1000)
	j := &audit.Join{
		ID: strings.Repeat("a", 32), Call: value, Way: "engine", Target: value, Program: value, Who: "container",
		Arguments: []string{value, value, "last"},
		Asked: audit.Asked{
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

// TestHostileJournal: a value that holds what looks like the protocol's fields stays a
// value. In the protocol's other form, NAME=VALUE lines, a newline began the next field.
func TestHostileJournal(t *testing.T) {
	for _, value := range hostile {
		for _, r := range records(value) {
			got := parseJournal(t, r.Text(audit.Journald))
			if len(got) != 5+len(r.Fields) {
				t.Fatalf("%.40q: %d fields of %d", value, len(got)-5, len(r.Fields))
			}
			for i, f := range r.Fields {
				if read := got[5+i]; read.Name != "NSJOIN_"+strings.ToUpper(f.Name) || read.Value != f.Value {
					t.Errorf("%.40q: field %d is %s=%.40q, want %s=%.40q", value, i, read.Name, read.Value, f.Name, f.Value)
				}
			}
			if message := got[0].Value; len(message) > 4096 || strconv.QuoteToASCII(message) != `"`+strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(message)+`"` {
				t.Errorf("%.40q: message %q", value, message)
			}
		}
	}
}

func parseJournal(t *testing.T, text []byte) []audit.Field {
	t.Helper()
	var list []audit.Field
	for len(text) > 0 {
		name, rest, found := bytes.Cut(text, []byte("\n"))
		if !found || len(rest) < 8 || strings.Trim(string(name), "ABCDEFGHIJKLMNOPQRSTUVWXYZ_") != "" {
			t.Fatalf("no field: %.40q", text)
		}
		size := binary.LittleEndian.Uint64(rest)
		if rest = rest[8:]; uint64(len(rest)) <= size || rest[size] != '\n' {
			t.Fatalf("%s: no value of %d bytes", name, size)
		}
		list = append(list, audit.Field{Name: string(name), Value: string(rest[:size])})
		text = rest[size+1:]
	}
	return list
}

// TestHostileSyslog: a record is one line of a bounded length, in which each value ends
// where it is said to, and those of a bounded size are whole.
func TestHostileSyslog(t *testing.T) {
	now := time.Unix(1700000000, 5000)
	for _, value := range hostile {
		for _, r := range records(value) {
			line := string(audit.Head(audit.Syslog, now, 42)) + string(r.Text(audit.Syslog))
			rest, found := strings.CutPrefix(line, `<85>Nov 14 22:13:20 docker-nsjoin[42]: `)
			if !found || len(line) > 8200 || strings.Trim(line, printable) != "" {
				t.Fatalf("%.40q: %d bytes: %.200q", value, len(line), line)
			}
			got := parseSyslog(t, rest)
			for _, f := range r.Fields {
				text, cut := got[f.Name], got[f.Name+"_bytes"]
				switch {
				case cut == "" && text != f.Value && f.Name != "container" && f.Name != "container_id":
					t.Errorf("%.40q: %s is %.40q", value, f.Name, text)
				case cut != "" && cut != strconv.Itoa(len(f.Value)):
					t.Errorf("%.40q: %s has %d bytes, and is said to have %s", value, f.Name, len(f.Value), cut)
				}
			}
			if n := strings.Count(line, ` container_id="`); n != 8 {
				t.Errorf("%.40q: %d containers", value, n)
			}
		}
	}
}

const printable = " !\"#$%&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`abcdefghijklmnopqrstuvwxyz{|}~"

func parseSyslog(t *testing.T, line string) map[string]string {
	t.Helper()
	got := make(map[string]string)
	for line != "" {
		name, rest, found := strings.Cut(strings.TrimPrefix(line, " "), "=")
		quoted, err := strconv.QuotedPrefix(rest)
		if !found || err != nil || strings.Trim(name, "abcdefghijklmnopqrstuvwxyz_") != "" {
			t.Fatalf("no field: %.80q", line)
		}
		if got[name], err = strconv.Unquote(quoted); err != nil {
			t.Fatal(err)
		}
		line = rest[len(quoted):]
	}
	return got
}

// TestArgumentsAreToldApart: their ends cannot be mistaken.
func TestArgumentsAreToldApart(t *testing.T) {
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
