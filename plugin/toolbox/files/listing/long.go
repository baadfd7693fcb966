package listing

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/itchyny/timefmt-go"
	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/accounts"
	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/files/permissions"
	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/tool"
)

// row has the columns of a line of ls -l.
type row struct{ links, owner, group, size string }

func (l *listing) row(e file) row {
	r := row{links: strconv.FormatUint(uint64(e.stat.Nlink), 10)}
	if l.numeric {
		r.owner, r.group = strconv.FormatUint(uint64(e.stat.Uid), 10), strconv.FormatUint(uint64(e.stat.Gid), 10)
	} else {
		r.owner = tool.Printable(accounts.Users().Name(e.stat.Uid))
		r.group = tool.Printable(accounts.Groups().Name(e.stat.Gid))
	}
	switch e.stat.Mode & unix.S_IFMT {
	case unix.S_IFCHR, unix.S_IFBLK:
		r.size = fmt.Sprintf("%d, %3d", unix.Major(uint64(e.stat.Rdev)), unix.Minor(uint64(e.stat.Rdev)))
	default:
		r.size = l.units.Show(uint64(e.stat.Size), 1)
	}
	return r
}

func (l *listing) printLong(entries []file) {
	rows := make([]row, len(entries))
	var width struct{ front, links, owner, group, size int }
	for i, e := range entries {
		r := l.row(e)
		rows[i] = r
		width.front = max(width.front, len(l.front(e, 0)))
		width.links = max(width.links, len(r.links))
		width.owner = max(width.owner, len(r.owner))
		width.group = max(width.group, len(r.group))
		width.size = max(width.size, len(r.size))
	}
	now := time.Now()
	l.align(entries)
	for i, e := range entries {
		r := rows[i]
		fmt.Fprintf(l.out, "%s%s %*s ", l.front(e, width.front), permissions.Text(e.stat.Mode), width.links, r.links)
		if !l.noOwner {
			fmt.Fprintf(l.out, "%-*s ", width.owner, r.owner)
		}
		if !l.noGroup && !l.withoutGroup {
			fmt.Fprintf(l.out, "%-*s ", width.group, r.group)
		}
		fmt.Fprintf(l.out, "%*s %s %s%s", width.size, r.size, l.when(l.time(&e.stat), now), l.paint(e), l.mark(e))
		if e.target != "" {
			l.out.WriteString(" -> " + strings.TrimPrefix(l.quoted(e.target), " "))
		}
		l.out.WriteString(l.end)
	}
}

// when returns a time: of the last half year with the time of day, else with the year.
func (l *listing) when(t, now time.Time) string {
	const halfYear = 365 * 24 * time.Hour / 2
	switch {
	case l.fullISO || l.timeStyle == "full-iso":
		return t.Format("2006-01-02 15:04:05.000000000 -0700")
	case strings.HasPrefix(l.timeStyle, "+"):
		return timefmt.Format(t, l.timeStyle[1:])
	case l.timeStyle == "long-iso":
		return t.Format("2006-01-02 15:04")
	case l.timeStyle == "iso" && (t.After(now) || now.Sub(t) > halfYear):
		return t.Format("2006-01-02 ")
	case l.timeStyle == "iso":
		return t.Format("01-02 15:04")
	case t.After(now) || now.Sub(t) > halfYear:
		return t.Format("Jan _2  2006")
	}
	return t.Format("Jan _2 15:04")
}
