//go:build linux

package main

import (
	"io"
	"os/exec"
	"slices"
	"sync"
	"testing"
	"time"
)

// TestLinkTimes prints the time of a command with --via engine, docker exec and docker run, run
// in turns, and of a stream of 1 GiB. It does not fail on slow times: the machine may be busy.
func TestLinkTimes(t *testing.T) {
	c := newCaller(t)
	web := c.container(t)
	ways := []struct {
		name string
		args []string
	}{
		{"docker nsjoin --via engine", []string{"nsjoin", "-i", "--via", "engine", web}},
		{"docker exec", []string{"exec", "-i", web}},
		{"docker run --rm --pid host", []string{"run", "--rm", "--pid", "host", "--label", ownLabel(), testImage}},
	}
	took := make([][]time.Duration, len(ways))
	for range 15 {
		for i, way := range ways {
			took[i] = append(took[i], timed(t, c.docker(append(way.args, "true")...)))
		}
	}
	ours := median(took[0])
	t.Logf("%s true: %v", ways[0].name, ours)
	for i, way := range ways[1:] {
		other := median(took[i+1])
		t.Logf("%s true: %v; ratio %.2f", way.name, other, float64(ours)/float64(other))
	}
	t.Logf("20 at once: %v", atOnce(t, func() *exec.Cmd { return c.docker("nsjoin", "--via", "engine", web, "true") }))
	const size = "1073741824"
	for name, command := range map[string][]string{
		"out": {"head", "-c", size, "/dev/zero"},
		"in":  {"sh", "-c", "cat >/dev/null"},
	} {
		var streams [2]time.Duration
		for i, way := range ways[:2] {
			cmd := c.docker(append(way.args, command...)...)
			cmd.Stdout = io.Discard
			if name == "in" {
				cmd.Stdin = &zeroes{left: 1 << 30}
			}
			streams[i] = timed(t, cmd)
		}
		t.Logf("1 GiB %s: %v, docker exec %v; ratio %.2f", name, streams[0], streams[1],
			float64(streams[0])/float64(streams[1]))
	}
}

func timed(t *testing.T, cmd *exec.Cmd) time.Duration {
	t.Helper()
	began := time.Now()
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v: %v", cmd.Args, err)
	}
	return time.Since(began).Round(time.Millisecond)
}

func atOnce(t *testing.T, cmd func() *exec.Cmd) time.Duration {
	t.Helper()
	began := time.Now()
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			if err := cmd().Run(); err != nil {
				t.Errorf("one of 20: %v", err)
			}
		})
	}
	all.Wait()
	return time.Since(began).Round(time.Millisecond)
}

func median(of []time.Duration) time.Duration {
	of = slices.Sorted(slices.Values(of))
	return of[len(of)/2]
}

// zeroes reads as left zero bytes.
type zeroes struct{ left int }

func (z *zeroes) Read(b []byte) (int, error) {
	if z.left == 0 {
		return 0, io.EOF
	}
	n := min(len(b), z.left)
	clear(b[:n])
	z.left -= n
	return n, nil
}
