//go:build !linux

// Package dataroot reads the files that a Docker engine keeps about its containers on its own host, which runs
// Linux.
package dataroot

import (
	"errors"

	"github.com/nsjoin/docker-nsjoin/pkg/exit"
)

// Root is the data root of one engine.
type Root struct {
	Path string
}

// Open fails: the engine's files are on a Linux host.
func Open(string, string) (*Root, error) {
	return nil, exit.Hint(errors.New("the engine's files can only be read on its own Linux host"), "run docker nsjoin there")
}

// Close does nothing.
func (*Root) Close() {}

// IDs fails.
func (*Root) IDs() ([]string, error) { return nil, errors.ErrUnsupported }

// Read fails.
func (*Root) Read(string, string) ([]byte, error) { return nil, errors.ErrUnsupported }
