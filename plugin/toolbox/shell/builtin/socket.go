package builtin

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"syscall"

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/network/lookup"
)

// Connect opens a path such as /dev/tcp/HOST/PORT or /dev/udp/HOST/PORT, as the redirections of bash do. ok is false for others.
func Connect(ctx context.Context, path string) (file *os.File, ok bool, err error) {
	for _, network := range []string{"tcp", "udp"} {
		place, is := strings.CutPrefix(path, "/dev/"+network+"/")
		host, service, whole := strings.Cut(place, "/")
		if !is || !whole || host == "" || service == "" {
			continue
		}
		file, err := connect(ctx, network, host, service)
		if err != nil {
			return nil, true, &os.PathError{Op: "connect", Path: path, Err: err}
		}
		return file, true, nil
	}
	return nil, false, nil
}

func connect(ctx context.Context, network, host, service string) (*os.File, error) {
	port, err := lookup.Service(service)
	if err != nil {
		return nil, err
	}
	if net.ParseIP(host) == nil {
		if err := lookup.CheckFiles(); err != nil {
			return nil, err
		}
	}
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, network, net.JoinHostPort(host, strconv.Itoa(int(port))))
	if errno, ok := errors.AsType[syscall.Errno](err); ok {
		return nil, errno
	}
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	file, ok := conn.(interface{ File() (*os.File, error) })
	if !ok {
		return nil, fmt.Errorf("%T has no descriptor", conn)
	}
	return file.File()
}
