package hook

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// Name is $0 of a shell without a script.
var Name = "sh"

// start is when the shell was started.
var start = time.Now()

// Variable returns a variable that bash sets by itself.
func Variable(name string) (string, bool) {
	switch name {
	case "SECONDS":
		return strconv.Itoa(int(time.Since(start).Seconds())), true
	case "EPOCHSECONDS":
		return strconv.FormatInt(time.Now().Unix(), 10), true
	case "EPOCHREALTIME":
		now := time.Now()
		return fmt.Sprintf("%d.%06d", now.Unix(), now.Nanosecond()/1000), true
	case "BASHPID":
		return strconv.Itoa(os.Getpid()), true
	case "HOSTNAME":
		text, err := os.Hostname()
		return text, err == nil
	case "OSTYPE":
		return "linux-gnu", true
	case "HOSTTYPE":
		return machine(), true
	case "COLUMNS", "LINES":
		size, err := unix.IoctlGetWinsize(2, unix.TIOCGWINSZ)
		if err != nil || size.Row == 0 {
			return "", false
		}
		if name == "LINES" {
			return strconv.Itoa(int(size.Row)), true
		}
		return strconv.Itoa(int(size.Col)), true
	}
	return "", false
}

// machine returns the architecture as uname -m does.
func machine() string {
	names := map[string]string{"amd64": "x86_64", "arm64": "aarch64", "arm": "armv7l", "ppc64le": "ppc64le"}
	if name, ok := names[runtime.GOARCH]; ok {
		return name
	}
	return runtime.GOARCH
}

// Used returns the time of processors that the shell and its programs have taken so far.
func Used() (user, system time.Duration) {
	for _, who := range []int{unix.RUSAGE_SELF, unix.RUSAGE_CHILDREN} {
		var u unix.Rusage
		if err := unix.Getrusage(who, &u); err == nil {
			user += time.Duration(u.Utime.Nano())
			system += time.Duration(u.Stime.Nano())
		}
	}
	return user, system
}
