package main

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/docker/cli/cli-plugins/socket"
	"golang.org/x/sys/unix"
)

// connectCLI connects to the socket that the Docker CLI tells its plugins by
// that they are to end. The CLI's own package does so too, but its connection
// ends with the plugin, and the helper that takes the plugin's place needs one.
// A CLI older than 24 has none: then this is its pidfd, as the helper keeps its parent.
// It is nil where the plugin was started by itself. It fails where the CLI has ended
// meanwhile: nobody wants the command.
func connectCLI(cli parent) (*os.File, error) {
	addr := os.Getenv(socket.EnvKey)
	switch {
	case addr == "" && !startedByOldCLI():
		return nil, nil
	case addr == "" && cli.gone():
		return nil, errors.New("the Docker CLI is gone")
	case addr == "":
		return cli.pidfd, nil
	}
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("socket: %w", err)
	}
	// An abstract address is written with @ for its first byte, 0.
	if err := unix.Connect(fd, &unix.SockaddrUnix{Name: strings.Replace(addr, "\x00", "@", 1)}); err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("the Docker CLI is gone: %w", err)
	}
	return os.NewFile(uintptr(fd), "socket of the Docker CLI"), nil
}
