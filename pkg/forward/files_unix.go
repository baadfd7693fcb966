//go:build unix

package forward

import "golang.org/x/sys/unix"

// mostFiles returns how many open files this process may have, 0 if it is not known.
func mostFiles() uint64 {
	var limit unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_NOFILE, &limit) != nil {
		return 0
	}
	return limit.Cur
}
