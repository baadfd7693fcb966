package dockercli

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/docker/cli/cli-plugins/socket"
	"golang.org/x/sys/unix"
)

// Watched returns the file that a program which replaces the plugin watches for the Docker CLI's end: a
// second connection to the socket through which the CLI tells its plugins to end. The CLI's own package
// connects too, but that connection ends with the plugin. For a CLI older than 24, which has no socket,
// the file is the CLI's pidfd. Watched returns nil if no CLI started the program, and an error if
// the CLI has ended in the meantime.
func (p *Parent) Watched() (*os.File, error) {
	addr := os.Getenv(socket.EnvKey)
	switch {
	case p == nil, addr == "" && !startedByOldCLI():
		return nil, nil
	case addr == "" && p.Gone():
		return nil, errors.New("the Docker CLI is gone")
	case addr == "":
		return p.pidfd, nil
	}
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("socket: %w", err)
	}
	// The first byte of an abstract address, 0, is written as @.
	if err := unix.Connect(fd, &unix.SockaddrUnix{Name: strings.Replace(addr, "\x00", "@", 1)}); err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("the Docker CLI is gone: %w", err)
	}
	return os.NewFile(uintptr(fd), "socket of the Docker CLI"), nil
}
