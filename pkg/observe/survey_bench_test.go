//go:build linux

package observe

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/pkg/request"
)

// BenchmarkSurvey surveys fake containers. Each is a shell in the bundle directory as the shim, a child with
// its own mount, IPC and UTS namespaces, and 15 processes. The time per container shows whether the survey is
// linear.
//
//	go test -run '^$' -bench Survey ./pkg/observe
func BenchmarkSurvey(b *testing.B) {
	if os.Geteuid() != 0 {
		b.Fatal("needs root")
	}
	for _, n := range []int{1, 100, 300} {
		b.Run(fmt.Sprintf("containers=%d", n), func(b *testing.B) {
			claims := fakeContainers(b, n)
			b.ReportAllocs()
			b.ResetTimer()
			processes, before := 0, spent(b)
			for range b.N {
				s, err := scan(&request.Survey{Containers: claims})
				if err != nil {
					b.Fatal(err)
				}
				if len(s.Containers) != n || len(s.Processes) < 16*n {
					b.Fatalf("found %d containers of %d, %d processes", len(s.Containers), n, len(s.Processes))
				}
				processes = s.Groups[0].Count + len(s.Processes)
			}
			b.ReportMetric(float64((spent(b)-before).Microseconds())/float64(b.N*n), "cpu-µs/container")
			b.ReportMetric(float64(processes), "processes")
		})
	}
}

// spent returns the processor time of this process, which does not depend on other load on the machine.
func spent(b *testing.B) time.Duration {
	b.Helper()
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// fakeContainers starts n fake containers and waits until they are complete. They end with b.
func fakeContainers(b *testing.B, n int) []request.Claim {
	b.Helper()
	dir := b.TempDir()
	claims := make([]request.Claim, n)
	for i := range claims {
		claims[i].ID = fmt.Sprintf("%064x", i+1)
		bundle := filepath.Join(dir, claims[i].ID)
		if err := os.Mkdir(bundle, 0o755); err != nil {
			b.Fatal(err)
		}
		// All read from one pipe, and end when it is closed, at the latest when this process ends.
		const inside = `exec 3<&0; i=0; while [ $i -lt 15 ]; do cat <&3 >/dev/null & i=$((i + 1)); done; echo ready; wait`
		cmd := exec.Command("sh", "-c", `unshare --mount --ipc --uts sh -c "$1"; :`, "sh", inside)
		cmd.Dir = bundle
		stdin, err := cmd.StdinPipe()
		if err != nil {
			b.Fatal(err)
		}
		stdout, err := cmd.StdoutPipe()
		if err != nil {
			b.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() {
			stdin.Close()
			_ = cmd.Wait()
		})
		if line, err := bufio.NewReader(stdout).ReadString('\n'); strings.TrimSpace(line) != "ready" {
			b.Fatalf("container %d says %q, %v", i, line, err)
		}
	}
	return claims
}
