package trace

import (
	"strings"
	"testing"
	"time"
)

func TestCounts(t *testing.T) {
	c := make(counts)
	c.add("read", time.Millisecond, false)
	c.add("read", time.Millisecond, false)
	c.add("openat", 2*time.Millisecond, true)
	var out strings.Builder
	c.writeTo(&out)
	const want = `% time     seconds  usecs/call     calls    errors syscall
------ ----------- ----------- --------- --------- ----------------
 50.00    0.002000        2000         1         1 openat
 50.00    0.002000        1000         2           read
------ ----------- ----------- --------- --------- ----------------
100.00    0.004000        1333         3         1 total
`
	if out.String() != want {
		t.Errorf("it prints\n%s, want\n%s", out.String(), want)
	}
}
