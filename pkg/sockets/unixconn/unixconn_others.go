//go:build !linux

package unixconn

import (
	"errors"
	"net"
	"syscall"
)

func refuse(uintptr) {}

// mayCome returns false: only on Linux does closing a descriptor wait for its socket to end.
func mayCome(syscall.Conn) bool { return false }

func drain(syscall.Conn) {}

// New is for Linux.
func New(*net.UnixConn, []byte) (net.Conn, error) { return nil, errors.ErrUnsupported }
