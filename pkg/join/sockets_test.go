//go:build linux

package join

import (
	"errors"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/pkg/plan"
)

// Sockets can be asked for while the thread ends, and afterwards.
func TestSocketsWhileTheThreadEnds(t *testing.T) {
	for range 100 {
		s, err := StartSockets(&plan.Plan{Steps: []plan.Step{{Op: plan.OpSockets}}}, Held{})
		if err != nil {
			t.Fatal(err)
		}
		var asking sync.WaitGroup
		for range 4 {
			asking.Go(func() {
				for {
					fd, err := s.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
					if errors.Is(err, unix.ESHUTDOWN) {
						return
					}
					if err != nil {
						t.Error(err)
						return
					}
					unix.Close(fd)
				}
			})
		}
		s.Close()
		asking.Wait()
	}
}
