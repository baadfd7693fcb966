//go:build linux

package dataroot

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Docker's own places: dockerd(8).
const (
	defaultSocket  = "/run/docker.sock"
	defaultPidfile = "/run/docker.pid"
	defaultRoot    = "/var/lib/docker"
	defaultConfig  = "/etc/docker/daemon.json"
)

// dockerd is an engine's process. It may be stopped.
type dockerd struct {
	dir  *os.File // /proc/PID, by which another process of the same number is none
	root *os.File // its root directory
}

func (d *dockerd) close() {
	d.root.Close()
	d.dir.Close()
}

// holdDockerd holds the process if it is an engine of this host: root's, and in no container and
// no user namespace, since there its files are another's.
func holdDockerd(pid int) (*dockerd, error) {
	fd, err := unix.Open("/proc/"+strconv.Itoa(pid), unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	d := &dockerd{dir: os.NewFile(uintptr(fd), "/proc/"+strconv.Itoa(pid))}
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

// errNotDockerd says that a process is no engine whose files may be read.
var errNotDockerd = errors.New("it is not dockerd, of root, on this host")

func (d *dockerd) check() error {
	exe, err := d.readlink("exe")
	if err != nil {
		return err
	}
	// An upgrade replaces the program while it runs.
	if path.Base(strings.TrimSuffix(exe, " (deleted)")) != "dockerd" {
		return errNotDockerd
	}
	if _, err := trusted(d.dir); err != nil {
		return errNotDockerd
	}
	user, err := d.readlink("ns/user")
	if err != nil {
		return err
	}
	if ours, err := os.Readlink("/proc/self/ns/user"); err != nil || user != ours {
		return errNotDockerd
	}
	groups, err := d.read("cgroup")
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

func (d *dockerd) readlink(name string) (string, error) {
	buf := make([]byte, unix.PathMax)
	n, err := unix.Readlinkat(int(d.dir.Fd()), name, buf)
	return string(buf[:max(n, 0)]), err
}

// read reads a file of /proc/PID.
func (d *dockerd) read(name string) (string, error) {
	fd, err := unix.Openat(int(d.dir.Fd()), name, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return "", err
	}
	f := os.NewFile(uintptr(fd), name)
	defer f.Close()
	const limit = 1 << 20
	text, err := io.ReadAll(io.LimitReader(f, limit))
	return string(text), err
}

// dataRoot is the directory that the engine was told, by its command line or configuration file.
func (d *dockerd) dataRoot() (string, error) {
	line, err := d.read("cmdline")
	if err != nil {
		return "", err
	}
	args := strings.Split(line, "\x00")
	if dir := valueOf(args, "--data-root", "--graph", "-g"); dir != "" {
		return dir, nil
	}
	config := valueOf(args, "--config-file")
	if config == "" {
		config = defaultConfig
	}
	return configured(d.root, config)
}

// valueOf is the value of a flag, by any of its names; "" without it.
func valueOf(args []string, names ...string) string {
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

// configured is the data root that a configuration file of an engine names, or else the default.
func configured(root *os.File, file string) (string, error) {
	const limit = 1 << 20
	var config struct {
		DataRoot string `json:"data-root"`
		Graph    string `json:"graph"`
	}
	dir, err := open(root, path.Dir(file))
	var text []byte
	if err == nil {
		defer dir.Close()
		text, err = read(dir, path.Base(file), limit)
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

// listener is the process that listens on a socket, which need not answer: the kernel knows it.
func listener(socket *os.File) (pid int, err error) {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return 0, err
	}
	defer unix.Close(fd)
	// By the descriptor it is the socket that was checked.
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

// fromPidfile is the process that the default engine's pidfile names; 0 without one.
func fromPidfile(root *os.File) int {
	dir, err := open(root, path.Dir(defaultPidfile))
	if err != nil {
		return 0
	}
	defer dir.Close()
	const limit = 64
	text, err := read(dir, path.Base(defaultPidfile), limit)
	if err != nil {
		return 0
	}
	pid, _ := strconv.Atoi(strings.TrimSpace(string(text)))
	return pid
}
