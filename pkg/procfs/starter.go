//go:build linux

package procfs

import (
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// Starter returns the process that started this helper's container, its shim, in a helper that runs in one: the parent,
// or that of the multiplexer which has started this helper, and executes the same file.
func Starter() int {
	parent := os.Getppid()
	var own, other unix.Stat_t
	if unix.Stat("/proc/self/exe", &own) != nil || unix.Stat("/proc/"+strconv.Itoa(parent)+"/exe", &other) != nil ||
		own.Dev != other.Dev || own.Ino != other.Ino {
		return parent // if the multiplexer has ended meanwhile, this is the shim
	}
	stat, err := ReadStat(parent)
	if err != nil || stat.Parent == 0 {
		return parent
	}
	return stat.Parent
}
