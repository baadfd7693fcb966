//go:build linux

package main

import (
	"context"
	"errors"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// allRows returns the rows of the table. Those that take longest come last.
func allRows(l *lab) []row {
	rows := startRows(l)
	rows = append(rows, row{name: "resident during a session without a terminal", value: l.resident})
	rows = append(rows, row{name: "files", value: l.files})
	rows = append(rows, streamRows(l)...)
	rows = append(rows, forwardEngineRows(l)...)
	rows = append(rows, floodRows(l)...)
	rows = append(rows, forwardRows(l)...)
	rows = append(rows, atOnceRows(l)...)
	return append(rows, row{name: "with more containers on the engine", value: l.growth})
}

// startRows measure the time that it takes to run true.
func startRows(l *lab) []row {
	nsjoin := l.command(l.docker, "nsjoin", l.web, "true")
	dockerExec := l.command(l.docker, "exec", l.web, "true")
	nsenter := l.command(l.nsenter, "-t", l.pid, "-a", "true")
	byHand := func() error {
		pid, err := exec.Command(l.docker, "inspect", "--format", "{{.State.Pid}}", l.web).Output()
		if err != nil {
			return err
		}
		return l.command(l.nsenter, "-t", string(pid[:len(pid)-1]), "-a", "true")()
	}
	return []row{
		{
			name: "docker nsjoin web true", rounds: 60,
			ours: contestant{name: "docker nsjoin", run: nsjoin},
			theirs: []contestant{
				{name: "docker exec", run: dockerExec, target: 0.38},
				{name: "an empty plugin", run: l.command(l.docker, "empty"), target: 1.5},
				{name: "docker inspect, then nsenter", run: byHand},
			},
		},
		{
			name: "nsjoin web true", rounds: 60,
			ours: contestant{name: "nsjoin", run: l.command(l.nsjoin, l.web, "true")},
			theirs: []contestant{
				{name: "docker exec", run: dockerExec, target: 0.2},
				{name: "docker inspect, then nsenter", run: byHand, target: 0.75},
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
			theirs: []contestant{{name: "an empty Go program", run: l.command(l.empty, "docker-cli-plugin-metadata"), target: 2}},
		},
		{
			name: "the helper alone", rounds: 100,
			ours: contestant{name: "helper", run: l.runHelper},
			theirs: []contestant{
				{name: "nsenter -a true", run: nsenter, target: 1.5},
				{name: "an empty Go program", run: l.command(l.empty)},
			},
		},
		{
			name: "a toolbox: docker nsjoin debug web true", rounds: 40,
			ours:   contestant{name: "docker nsjoin debug", run: l.command(l.docker, "nsjoin", "debug", l.web, "/bin/true")},
			theirs: []contestant{{name: "docker exec", run: dockerExec, target: 1.3}},
		},
		{
			name: "a mount: docker nsjoin mount web /etc:/srv", rounds: 40,
			ours: contestant{
				name: "docker nsjoin mount", before: l.unmount,
				run: l.command(l.docker, "nsjoin", "mount", l.web, "/etc:/srv"),
			},
			theirs: []contestant{{name: "docker nsjoin web true", run: nsjoin, target: 1.2}},
		},
		{
			name: "its end: docker nsjoin umount web /srv", rounds: 40,
			ours: contestant{
				name: "docker nsjoin umount", before: l.mount,
				run: l.command(l.docker, "nsjoin", "umount", l.web, "/srv"),
			},
			theirs: []contestant{{name: "docker nsjoin web true", run: nsjoin, target: 1.2}},
		},
		{
			name: "the names of a container's network: nsjoin --only net web true", rounds: 60,
			ours: contestant{name: "nsjoin", run: l.command(l.nsjoin, "--only", "net", l.web, "true")},
			theirs: []contestant{
				{name: "nsjoin --names host", run: l.command(l.nsjoin, "--names", "host", "--only", "net", l.web, "true"), target: 1.15},
			},
		},
		{
			name: "through the engine, the first call, which loads the image", rounds: 5,
			ours: contestant{
				name: "docker nsjoin --via engine", before: l.unload,
				run: l.command(l.docker, "nsjoin", "--via", "engine", l.web, "true"),
			},
			theirs: []contestant{{name: "docker exec", run: dockerExec, target: 3.5}},
		},
		{
			name: "through the engine: docker nsjoin --via engine web true", rounds: 10,
			ours: contestant{name: "docker nsjoin --via engine", run: l.command(l.docker, "nsjoin", "--via", "engine", l.web, "true")},
			theirs: []contestant{
				{name: "docker exec", run: dockerExec, target: 1.8},
				{name: "docker run --rm --pid host", run: l.command(l.docker, "run", "--rm", "--pid", "host", image, "true"), target: 1},
			},
		},
		{
			name: "through the engine, in a helper's container that is kept", rounds: 20,
			ours:   contestant{name: "docker nsjoin --via engine", run: l.keptCommand(l.web)},
			theirs: []contestant{{name: "docker exec", run: dockerExec, target: 1.25}},
		},
	}
}

// unmount unmounts what the call before has mounted, or makes the directory for the first one.
func (l *lab) unmount() error {
	list, err := l.output("docker", "nsjoin", "mount", "--format", "{{.Target}}", l.web)
	if err == nil && strings.Contains(list, "/srv") {
		_, err = l.output("docker", "nsjoin", "umount", l.web, "/srv")
		return err
	}
	_, errMade := l.output("docker", "exec", l.web, "mkdir", "-p", "/srv")
	return errors.Join(err, errMade)
}

// mount mounts what the call after it unmounts.
func (l *lab) mount() error {
	if err := l.unmount(); err != nil {
		return err
	}
	_, err := l.output("docker", "nsjoin", "mount", l.web, "/etc:/srv")
	return err
}

// unload removes the helper's image from the engine. The container of the call before may still use it.
func (l *lab) unload() error {
	const tries, pause = 100, 50 * time.Millisecond
	var err error
	for range tries {
		var ids string
		if ids, err = l.output("docker", "images", "-q", "--no-trunc", "docker-nsjoin/helper"); err != nil || ids == "" {
			return err
		}
		if _, err = l.output("docker", append([]string{"rmi"}, strings.Fields(ids)...)...); err == nil {
			return nil
		}
		time.Sleep(pause)
	}
	return err
}

// keptCommand runs true in a container through the engine, in a helper's container that is kept.
func (l *lab) keptCommand(name string) func() error {
	return func() error {
		env := append(slices.Clip(l.env), "DOCKER_NSJOIN_KEEP=30s")
		return runWith(env, []uintptr{null(), null(), 2}, l.docker, "nsjoin", "--via", "engine", name, "true")
	}
}

// atOnceRows measure many calls at the same time.
func atOnceRows(l *lab) []row {
	const containers = 10
	var names []string
	atOnce := func(calls int, one func(name string) error) func() error {
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
	dockerExec := func(name string) error { return l.command(l.docker, "exec", name, "true")() }
	const all, some = 50, 20
	const xargs = `docker=$0; printf '%s\n' "$@" | xargs -P 8 -I{} "$docker" exec {} true`
	return []row{
		{
			name: "50 calls at once, in 10 containers", rounds: 5,
			ours: contestant{name: "docker nsjoin", before: prepare, run: atOnce(all, func(name string) error {
				return l.command(l.docker, "nsjoin", name, "true")()
			})},
			theirs: []contestant{{name: "docker exec", target: 0.45, run: atOnce(all, dockerExec)}},
		},
		{
			name: "20 calls at once through the engine, in a helper's container that is kept", rounds: 5,
			ours: contestant{name: "docker nsjoin --via engine", before: prepare, run: atOnce(some, func(name string) error {
				return l.keptCommand(name)()
			})},
			theirs: []contestant{{name: "docker exec", target: 1.3, run: atOnce(some, dockerExec)}},
		},
		{
			name: "one call in 10 containers: docker nsjoin each", rounds: 10,
			ours: contestant{name: "docker nsjoin each", before: prepare, run: func() error {
				return l.command(l.docker, slices.Concat([]string{"nsjoin", "each"}, names, []string{"--", "true"})...)()
			}},
			theirs: []contestant{{name: "xargs -P 8 docker exec", target: 0.35, run: func() error {
				return l.command("/bin/sh", append([]string{"-c", xargs, l.docker}, names...)...)()
			}}},
		},
		{
			// The container that has to be started first is most of it. With 20 the ratio is below 0.4, see docs/scale.md.
			name: "one call in 10 containers: docker nsjoin each --via engine", rounds: 10,
			ours: contestant{name: "docker nsjoin each", before: prepare, run: func() error {
				return l.command(l.docker, slices.Concat([]string{"nsjoin", "each", "--via", "engine"}, names, []string{"--", "true"})...)()
			}},
			theirs: []contestant{{name: "xargs -P 8 docker exec", run: func() error {
				return l.command("/bin/sh", append([]string{"-c", xargs, l.docker}, names...)...)()
			}}},
		},
	}
}

// growth measures whether a call takes longer with more containers on the engine.
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
