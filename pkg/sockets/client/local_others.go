//go:build !linux

package client

import (
	"context"
	"errors"
	"os"
)

// OpenLocal fails: the helper runs on Linux.
func OpenLocal(context.Context, *os.File, func() error) (Network, error) {
	return nil, errors.ErrUnsupported
}
