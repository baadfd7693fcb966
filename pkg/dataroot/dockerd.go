//go:build linux

package dataroot

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/pkg/procfs"
)

// Docker's default paths, dockerd(8).
const (
	defaultSocket  = "/run/docker.sock"
	defaultPidfile = "/run/docker.pid"
	defaultRoot    = "/var/lib/docker"
	defaultConfig  = "/etc/docker/daemon.json"
)

// dockerd is an engine's process. It may be stopped.
type dockerd struct {
	dir  *os.File // /proc/PID, which no later process with the same number has
	root *os.File // its root directory
}

func (d *dockerd) close() {
	d.root.Close()
	d.dir.Close()
}

// openDockerd opens process pid if it is an engine of this host: it is root's, and in no container and no other
// user namespace, where someone else could have provided the engine's files.
func openDockerd(pid int) (*dockerd, error) {
	dir, err := procfs.Open(pid)
	if err != nil {
		return nil, err
	}
	d := &dockerd{dir: dir}
	var fd int
	if err = d.check(); err == nil {
		fd, err = unix.Openat(int(d.dir.Fd()), "root", unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	}
	if err != nil {
		d.dir.Close()
		return nil, fmt.Errorf("process %d: %w", pid, err)
	}
	d.root = os.NewFile(uintptr(fd), "root")
	return d, nil
}

// errNotDockerd says that a process is not an engine whose files may be read.
var errNotDockerd = errors.New("it is not a dockerd that runs as root on this host")

func (d *dockerd) check() error {
	exe, err := procfs.ReadLink(d.dir, "exe")
	if err != nil {
		return err
	}
	// An upgrade replaces the executable while the engine runs.
	if path.Base(strings.TrimSuffix(exe, " (deleted)")) != "dockerd" {
		return errNotDockerd
	}
	if _, err := trusted(d.dir); err != nil {
		return errNotDockerd
	}
	user, err := procfs.ReadLink(d.dir, "ns/user")
	if err != nil {
		return err
	}
	if ours, err := os.Readlink("/proc/self/ns/user"); err != nil || user != ours {
		return errNotDockerd
	}
	groups, err := procfs.ReadFile(d.dir, "cgroup")
	if err != nil {
		return err
	}
	for part := range strings.FieldsFuncSeq(groups, func(c rune) bool { return !isHex(c) }) {
		if isID(part) {
			return errNotDockerd
		}
	}
	return nil
}

// dataRoot returns the data root in the engine's command line or its configuration file.
func (d *dockerd) dataRoot() (string, error) {
	line, err := procfs.ReadFile(d.dir, "cmdline")
	if err != nil {
		return "", err
	}
	args := strings.Split(line, "\x00")
	if dir := flagValue(args, "--data-root", "--graph", "-g"); dir != "" {
		return dir, nil
	}
	config := flagValue(args, "--config-file")
	if config == "" {
		config = defaultConfig
	}
	return configuredRoot(d.root, config)
}

// flagValue returns the value of a flag that has several names; "" without the flag.
func flagValue(args []string, names ...string) string {
	for i, arg := range args {
		for _, name := range names {
			if value, ok := strings.CutPrefix(arg, name+"="); ok {
				return value
			}
			if arg == name && i+1 < len(args) {
				return args[i+1]
			}
		}
	}
	return ""
}

// configuredRoot returns the data root in an engine's configuration file, or else the default one.
func configuredRoot(root *os.File, file string) (string, error) {
	const limit = 1 << 20
	var config struct {
		DataRoot string `json:"data-root"`
		Graph    string `json:"graph"`
	}
	dir, err := openTrusted(root, path.Dir(file))
	var text []byte
	if err == nil {
		defer dir.Close()
		text, err = readTrusted(dir, path.Base(file), limit)
	}
	switch {
	case errors.Is(err, unix.ENOENT):
		return defaultRoot, nil
	case err != nil:
		return "", fmt.Errorf("the engine's configuration %s: %w", file, err)
	}
	if err := json.Unmarshal(text, &config); err != nil {
		return "", fmt.Errorf("the engine's configuration %s: %w", file, err)
	}
	for _, named := range []string{config.DataRoot, config.Graph} {
		if named != "" {
			return named, nil
		}
	}
	return defaultRoot, nil
}

// listenerPID returns the pid of the process that listens on a socket. The kernel knows it even if the process
// does not answer.
func listenerPID(socket *os.File) (pid int, err error) {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return 0, err
	}
	defer unix.Close(fd)
	// Connecting by the descriptor reaches the socket that was checked.
	to := &unix.SockaddrUnix{Name: "/proc/self/fd/" + strconv.Itoa(int(socket.Fd()))}
	if err := unix.Connect(fd, to); err != nil {
		return 0, err
	}
	of, err := unix.GetsockoptUcred(fd, unix.SOL_SOCKET, unix.SO_PEERCRED)
	if err != nil {
		return 0, err
	}
	return int(of.Pid), nil
}

// defaultEnginePID returns the pid in the default engine's pidfile; 0 if there is none.
func defaultEnginePID(root *os.File) int {
	dir, err := openTrusted(root, path.Dir(defaultPidfile))
	if err != nil {
		return 0
	}
	defer dir.Close()
	const limit = 64
	text, err := readTrusted(dir, path.Base(defaultPidfile), limit)
	if err != nil {
		return 0
	}
	pid, _ := strconv.Atoi(strings.TrimSpace(string(text)))
	return pid
}
