//go:build linux

package main

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// resident measures the memory and the number of our processes while a command runs.
func (l *lab) resident(context.Context) ([]result, error) {
	pid, err := forkExec(l.docker, []string{l.docker, "nsjoin", l.web, "sleep", "600"}, l.env, []uintptr{null(), null(), 2})
	if err != nil {
		return nil, err
	}
	defer func() {
		_ = unix.Kill(pid, unix.SIGTERM)
		_ = wait(pid)
	}()
	var count int
	var size float64
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(100 * time.Millisecond) {
		now, sum := 0, 0.0
		for _, p := range descendants(pid) {
			if comm(p) == "docker-nsjoin" {
				now++
				sum += proportional(p)
			}
		}
		if now > 0 && now == count { // the number has settled
			size = sum
			if time.Until(deadline) < 8*time.Second {
				break
			}
		}
		count = now
	}
	if count == 0 {
		return nil, fmt.Errorf("no process of ours is there")
	}
	return []result{
		{Name: "resident during a session without a terminal", Ours: size, Unit: "MiB", Beside: "limit", Theirs: 6, Ratio: size / 6, Target: 1},
		{Name: "processes of ours that stay meanwhile", Ours: float64(count), Unit: "", Beside: "limit", Theirs: 1, Ratio: float64(count), Target: 1},
	}, nil
}

// files measures the sizes of the helper and the plugin.
func (l *lab) files(context.Context) ([]result, error) {
	var results []result
	for _, f := range []struct {
		name, path string
		limit      float64
	}{{"file size of the helper", l.helper, 3.85}, {"file size of the plugin", l.plugin, 26}} {
		st, err := os.Stat(f.path)
		if err != nil {
			return nil, err
		}
		size := float64(st.Size()) / 1e6
		results = append(results, result{Name: f.name, Ours: size, Unit: "MB", Beside: "limit", Theirs: f.limit, Ratio: size / f.limit, Target: 1})
	}
	return results, nil
}

func descendants(pid int) []int {
	list := []int{pid}
	for i := 0; i < len(list); i++ {
		tasks, _ := os.ReadDir(fmt.Sprintf("/proc/%d/task", list[i]))
		for _, task := range tasks {
			text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/task/%s/children", list[i], task.Name()))
			for child := range strings.FieldsSeq(string(text)) {
				if n, err := strconv.Atoi(child); err == nil {
					list = append(list, n)
				}
			}
		}
	}
	return list
}

func comm(pid int) string {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid))
	return strings.TrimSpace(string(text))
}

// proportional returns a process's proportional set size in MiB, the Pss of proc_pid_smaps(5): its own
// memory and its share of the memory that it shares.
func proportional(pid int) float64 {
	f, err := os.Open(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
	if err != nil {
		return 0
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		var kb float64
		if n, _ := fmt.Sscanf(lines.Text(), "Pss: %f kB", &kb); n == 1 {
			return kb / 1024
		}
	}
	return 0
}
