package mount

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/nsjoin/docker-nsjoin/pkg/engine"
	"github.com/nsjoin/docker-nsjoin/pkg/formatter"
	"github.com/nsjoin/docker-nsjoin/pkg/mounts"
)

// row is a mount in the list.
type row struct {
	Target  string
	Source  string
	Type    string
	Options string
	By      string // docker run, or who has mounted it
	Time    string // RFC 3339; "" for docker run
	Kept    string // which process mounts it again, and why it could not; "" if none does
}

var head = formatter.Header{"Target": "TARGET", "Source": "SOURCE", "Type": "TYPE", "Options": "OPTIONS", "By": "BY", "Time": "TIME", "Kept": "KEPT"}

const table = `table {{.Target}}\t{{.Source}}\t{{.Type}}\t{{.Options}}\t{{.By}}\t{{.Time}}\t{{.Kept}}`

// list prints what docker nsjoin has mounted in a container, beside what the engine knows, and what calls with --keep wait to
// mount.
func (o *options) list(to io.Writer, ours []*mounts.Record, waiting []kept, known engine.Answers, name string) error {
	var rows []row
	for _, m := range known[name].Mounts {
		options := map[bool]string{true: "rw", false: "ro"}[m.RW]
		if m.Propagation != "" {
			options += "," + string(m.Propagation)
		}
		rows = append(rows, row{
			Target: m.Destination, Source: cmp.Or(m.Name, m.Source), Type: string(m.Type), Options: options, By: "docker run",
		})
	}
	slices.SortFunc(rows, func(a, b row) int { return cmp.Compare(a.Target, b.Target) })
	for _, m := range ours {
		r := row{
			Target: string(m.Target), Source: m.What(), Type: string(m.Type), Options: m.Mode(), By: "docker nsjoin, " + m.By,
			Time: time.Unix(m.Time, 0).Format(time.RFC3339),
		}
		if m.Keeper != "" {
			r.Kept = "another session, or ended"
		}
		for _, k := range waiting {
			if k.made(m) {
				r.Kept = k.by()
			}
		}
		rows = append(rows, r)
	}
	for _, k := range waiting {
		if !k.isLive(ours) {
			rows = append(rows, row{
				Target: string(k.Mount.Target), Source: k.Mount.What(), Type: string(k.Mount.Type), Options: "not mounted",
				By: "docker nsjoin --keep", Kept: k.by(),
			})
		}
	}
	format := o.format
	if format == "text" {
		format = table
	}
	return formatter.Write(to, format, head, rows)
}

// by names the process of a call with --keep, and its last error.
func (k *kept) by() string {
	text := fmt.Sprintf("process %d", k.PID)
	switch {
	case k.silent:
		text += " does not answer"
	case k.Error != "":
		text += ": " + k.Error
	}
	return text
}
