package domain

import (
	"strings"
	"testing"

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/tooltest"
)

// What a tool does not do is refused by name.
func TestOptionsAreRefused(t *testing.T) {
	tooltest.Statuses(t, Dig, map[string]int{"+nosuch example": 1})
}

func TestDigParts(t *testing.T) {
	for _, row := range []struct{ args, shown string }{
		{"+noall +answer", "answer"},
		{"+noall +answer +stats", "answer stats"},
		{"+nocomments +noquestion +nostats +nocmd", "answer authority additional"},
		{"", strings.Join(parts, " ")},
	} {
		q := &dig{}
		for option := range strings.FieldsSeq(row.args) {
			if err := q.plus(option[1:]); err != nil {
				t.Errorf("%s: %v", option, err)
			}
		}
		var shown []string
		for _, part := range parts {
			if !q.hide[part] {
				shown = append(shown, part)
			}
		}
		if got := strings.Join(shown, " "); got != row.shown {
			t.Errorf("%q shows %q, want %q", row.args, got, row.shown)
		}
	}
}
