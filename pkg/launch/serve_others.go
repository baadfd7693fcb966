//go:build !linux

package launch

import (
	"context"
	"errors"
	"io"
	"os"

	"github.com/nsjoin/docker-nsjoin/pkg/request"
)

// Server is a helper that serves this process over a socket. There is none on this system.
type Server struct{ Socket *os.File }

// Serve fails: the helper runs on Linux.
func Serve(context.Context, *request.Request) (*Server, error) { return nil, errors.ErrUnsupported }

// Relay does nothing.
func (s *Server) Relay(io.Writer) {}

// Wait does nothing.
func (s *Server) Wait() error { return nil }
