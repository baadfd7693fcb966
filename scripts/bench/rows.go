//go:build linux

package main

import (
	"context"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
)

// allRows are the rows of the table, the longest last.
func allRows(l *lab) []row {
	rows := startRows(l)
	rows = append(rows, row{name: "resident during a session without a terminal", value: l.resident})
	rows = append(rows, row{name: "files", value: l.files})
	rows = append(rows, streamRows(l)...)
	rows = append(rows, floodRows(l)...)
	rows = append(rows, atOnceRow(l))
	return append(rows, row{name: "with more containers on the engine", value: l.growth})
}

// startRows are about the time until true has run.
func startRows(l *lab) []row {
	empty := filepath.Join(l.dir, "cli-plugins", "docker-empty")
	nsjoin := l.command(l.docker, "nsjoin", l.web, "true")
	dockerExec := l.command(l.docker, "exec", l.web, "true")
	nsenter := l.command(l.nsenter, "-t", l.pid, "-a", "true")
	return []row{
		{
			name: "docker nsjoin web true", rounds: 60,
			ours: contestant{name: "docker nsjoin", run: nsjoin},
			theirs: []contestant{
				{name: "docker exec", run: dockerExec, target: 0.38},
				{name: "an empty plugin", run: l.command(l.docker, "empty"), target: 1.5},
				{name: "docker inspect, then nsenter", run: func() error {
					pid, err := exec.Command(l.docker, "inspect", "--format", "{{.State.Pid}}", l.web).Output()
					if err != nil {
						return err
					}
					return l.command(l.nsenter, "-t", string(pid[:len(pid)-1]), "-a", "true")()
				}},
			},
		},
		{
			name: "the plugin without the CLI", rounds: 60,
			ours:   contestant{name: "docker-nsjoin", run: l.command(l.plugin, "nsjoin", l.web, "true")},
			theirs: []contestant{{name: "docker exec", run: dockerExec, target: 0.15}},
		},
		{
			name: "the plugin's metadata", rounds: 100,
			ours:   contestant{name: "docker-nsjoin", run: l.command(l.plugin, "docker-cli-plugin-metadata")},
			theirs: []contestant{{name: "an empty Go program", run: l.command(empty, "docker-cli-plugin-metadata"), target: 2}},
		},
		{
			name: "the helper alone", rounds: 100,
			ours: contestant{name: "helper", run: l.runHelper},
			theirs: []contestant{
				{name: "nsenter -a true", run: nsenter, target: 1.5},
				{name: "an empty Go program", run: l.command(empty)},
			},
		},
		{
			name: "through the engine: docker nsjoin --via engine web true", rounds: 10,
			ours: contestant{name: "docker nsjoin --via engine", run: l.command(l.docker, "nsjoin", "--via", "engine", l.web, "true")},
			theirs: []contestant{
				{name: "docker exec", run: dockerExec, target: 3.5},
				{name: "docker run --rm --pid host", run: l.command(l.docker, "run", "--rm", "--pid", "host", image, "true"), target: 1},
			},
		},
	}
}

// atOnceRow is about many calls at the same time.
func atOnceRow(l *lab) row {
	const calls, containers = 50, 10
	var names []string
	atOnce := func(one func(name string) error) func() error {
		return func() error {
			var group sync.WaitGroup
			errs := make(chan error, calls)
			for i := range calls {
				group.Go(func() { errs <- one(names[i%containers]) })
			}
			group.Wait()
			for range calls {
				if err := <-errs; err != nil {
					return err
				}
			}
			return nil
		}
	}
	prepare := func() error {
		err := l.startMany(containers)
		names = l.many
		return err
	}
	return row{
		name: "50 calls at once, in 10 containers", rounds: 5,
		ours: contestant{name: "docker nsjoin", before: prepare, run: atOnce(func(name string) error {
			return l.command(l.docker, "nsjoin", name, "true")()
		})},
		theirs: []contestant{{name: "docker exec", target: 0.3, run: atOnce(func(name string) error {
			return l.command(l.docker, "exec", name, "true")()
		})}},
	}
}

// growth is whether a call takes longer with more containers on the engine.
func (l *lab) growth(ctx context.Context) ([]result, error) {
	const most = 300
	if err := l.stopMany(); err != nil {
		return nil, err
	}
	var results []result
	programs := []string{"docker nsjoin", "docker exec"}
	fewest := make([]float64, len(programs))
	for _, n := range []int{1, 30, most} {
		if n > 1 {
			if err := l.startMany(n - 1); err != nil {
				return nil, err
			}
		}
		call := row{
			rounds: 40,
			ours:   contestant{run: l.command(l.docker, "nsjoin", l.web, "true")},
			theirs: []contestant{{run: l.command(l.docker, "exec", l.web, "true")}},
		}
		measured, err := call.measure(ctx, 1)
		if err != nil {
			return nil, err
		}
		for i, time := range []float64{measured[0].Ours, measured[0].Theirs} {
			r := result{Name: programs[i] + " web true, containers: " + strconv.Itoa(1+len(l.many)), Ours: time, Unit: "ms"}
			if n == 1 {
				fewest[i] = time
			} else {
				r.Beside, r.Theirs, r.Ratio = "with one", fewest[i], time/fewest[i]
			}
			if n == most && i == 0 {
				r.Target = 1.1
			}
			results = append(results, r)
		}
	}
	return results, nil
}
