package forward_test

import (
	"fmt"
	"runtime"
	"testing"

	"github.com/nsjoin/docker-nsjoin/pkg/forward"
)

// A forward that starts is not compared with each of the others: ten times as many take about ten times as much memory in all,
// not a hundred times.
func TestManyForwards(t *testing.T) {
	taken := func(forwards int) uint64 {
		var words []string
		for i := range forwards {
			words = append(words, fmt.Sprintf("127.0.0.1:0:127.0.0.1:%d", i+1), fmt.Sprintf("-R127.0.0.1:%d:127.0.0.2:80", 20000+i))
		}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		c := start(t, forward.Options{}, words...)
		c.source.next <- newNetwork()
		for range words {
			c.wait(forward.Ready)
		}
		runtime.ReadMemStats(&after)
		c.cancel(errCancelled)
		_ = c.end()
		return after.TotalAlloc - before.TotalAlloc
	}
	taken(10)
	const most = 30
	if few, many := taken(40), taken(400); many > most*few {
		t.Errorf("%d bytes for 80 forwards, %d for 800", few, many)
	}
}
