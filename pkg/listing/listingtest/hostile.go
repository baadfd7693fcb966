// Package listingtest provides a list of containers whose texts try to control a terminal, for tests of
// code that prints lists.
package listingtest

import (
	"bytes"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/nsjoin/docker-nsjoin/pkg/engine"
	"github.com/nsjoin/docker-nsjoin/pkg/listing"
	"github.com/nsjoin/docker-nsjoin/pkg/ns"
	"github.com/nsjoin/docker-nsjoin/pkg/printable"
	"github.com/nsjoin/docker-nsjoin/pkg/survey"
)

// HostileText has terminal control sequences, invisible characters, and what ends a string in
// each output format.
const HostileText = "\x1b]0;owned\a\x1b[2J\u009b31m\u202egnp.\u2066\u200f\u061c\u200b\ufeff\u00ad\u2028\u2029\u3164\x00\x7f\r\n\t\xff" +
	"\"];}-->`</label>#\\"

// Hostile lists two containers with hostile text in every field; the first has a guest from the second.
func Hostile() *listing.List {
	l := &listing.List{Containers: make(map[string]engine.Container)}
	for _, id := range []string{strings.Repeat("1f", 32), strings.Repeat("2e", 32)} {
		c := engine.Container{ID: id, Labels: map[string]string{HostileText: HostileText}, Networks: []string{HostileText}}
		for _, text := range []*string{&c.Name, &c.Image, &c.Command, &c.ImageID, &c.State, &c.Status} {
			*text = HostileText
		}
		l.Containers[id] = c
		row := &survey.Row{Named: survey.Named{ID: id, Name: HostileText, Image: HostileText}, Started: time.Unix(1, 0), Bundle: HostileText}
		for k := range row.Namespaces {
			row.Namespaces[k] = survey.Namespace{Kind: ns.Kind(k), Inode: uint64(k) + 1}
		}
		l.Rows = append(l.Rows, row)
	}
	web, app := l.Rows[0], l.Rows[1]
	app.Started = time.Unix(2, 0)
	web.Namespaces[ns.Net].With, app.Namespaces[ns.Net].With = []*survey.Row{app}, []*survey.Row{web}
	web.Guests = []survey.Guest{{PID: 7, User: HostileText, Command: HostileText, Kinds: ns.SetOf(ns.Mnt), From: app, Cut: true}}
	web.MoreGuests = 3
	l.Held = []survey.Unowned{{Kind: ns.Net, Inode: 8, HeldBy: []string{HostileText}, MoreHolders: 1}}
	l.Missing = []string{HostileText}
	l.Omitted = survey.Omitted{Processes: 1, Holders: 1, Namespaces: 1}
	return l
}

// CheckClean fails t if the output of write is empty or has a character that is not printable, or if lines
// is positive and the output has a different number of lines.
func CheckClean(t *testing.T, what string, lines int, write func(io.Writer) error) {
	t.Helper()
	var out bytes.Buffer
	if err := write(&out); err != nil {
		t.Errorf("%s: %v", what, err)
	}
	text := out.String()
	if got := printable.Lines(text); got != text || text == "" {
		t.Errorf("%s prints %q", what, text)
	}
	if n := strings.Count(text, "\n"); lines > 0 && n != lines {
		t.Errorf("%s prints %d lines, want %d: %s", what, n, lines, text)
	}
}
