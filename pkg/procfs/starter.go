//go:build linux

package procfs

import (
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// Starter returns the process that started this helper's container, its shim, in a helper that runs in one: the parent,
// or that of the multiplexer which has started this helper, and executes the same file. If the parent ends meanwhile,
// another process gets this one, and is asked.
func Starter() int {
	for {
		parent := os.Getppid()
		if starter := starterBy(parent); os.Getppid() == parent {
			return starter
		}
	}
}

func starterBy(parent int) int {
	var own, other unix.Stat_t
	if unix.Stat("/proc/self/exe", &own) != nil || unix.Stat("/proc/"+strconv.Itoa(parent)+"/exe", &other) != nil ||
		own.Dev != other.Dev || own.Ino != other.Ino {
		return parent
	}
	stat, err := ReadStat(parent)
	if err != nil || stat.Parent == 0 {
		return parent
	}
	return stat.Parent
}
