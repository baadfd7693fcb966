//go:build linux

package audit_test

import (
	"testing"

	"github.com/nsjoin/docker-nsjoin/pkg/audit"
)

func FuzzRecord(f *testing.F) {
	for _, value := range hostile {
		if len(value) < 1<<16 {
			f.Add(value)
		}
	}
	f.Fuzz(func(t *testing.T, value string) {
		for _, r := range records(value) {
			if err := isWholeInJournal(r); err != nil {
				t.Error(err)
			}
			if err := isOneLine(r); err != nil {
				t.Error(err)
			}
		}
	})
}

func FuzzParseSystem(f *testing.F) {
	f.Add(`{"audit": "journald"}`)
	f.Add(`{"audit": "syslog", "auditArguments": "true"}`)
	f.Add(`{"audit": "off", "audit": ""}`)
	f.Fuzz(func(t *testing.T, text string) {
		s, err := audit.ParseSystem([]byte(text))
		if err == nil && s.To != audit.Journald && s.To != audit.Syslog && s.To != audit.Off {
			t.Errorf("it is taken for %+v", s)
		}
	})
}
