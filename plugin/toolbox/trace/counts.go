package trace

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"
)

// counts are the numbers of -c, by the names of calls.
type counts map[string]*count

// count is what is known of a system call.
type count struct {
	calls, failed int
	took          time.Duration
}

func (c counts) add(name string, took time.Duration, failed bool) {
	one := c[name]
	if one == nil {
		one = &count{}
		c[name] = one
	}
	one.calls++
	one.took += took
	if failed {
		one.failed++
	}
}

// writeTo prints the table. The call that took most is first. The times are those that went by, with the tracer's part.
func (c counts) writeTo(to io.Writer) {
	const row, line = "%6s %11s %11s %9s %9s %s\n", "------ ----------- ----------- --------- --------- ----------------\n"
	total := count{}
	for _, one := range c {
		total.calls, total.failed, total.took = total.calls+one.calls, total.failed+one.failed, total.took+one.took
	}
	names := slices.SortedFunc(maps.Keys(c), func(a, b string) int {
		return cmp.Or(cmp.Compare(c[b].took, c[a].took), strings.Compare(a, b))
	})
	var out strings.Builder
	fmt.Fprintf(&out, row, "% time", "seconds", "usecs/call", "calls", "errors", "syscall")
	out.WriteString(line)
	show := func(name string, one *count) {
		share := 100.0
		if total.took > 0 {
			share = 100 * float64(one.took) / float64(total.took)
		}
		errors := ""
		if one.failed > 0 {
			errors = fmt.Sprint(one.failed)
		}
		fmt.Fprintf(&out, row, fmt.Sprintf("%.2f", share), fmt.Sprintf("%.6f", one.took.Seconds()), fmt.Sprint(one.took.Microseconds()/int64(max(1, one.calls))),
			fmt.Sprint(one.calls), errors, name)
	}
	for _, name := range names {
		show(name, c[name])
	}
	out.WriteString(line)
	show("total", &total)
	_, _ = io.WriteString(to, out.String())
}
