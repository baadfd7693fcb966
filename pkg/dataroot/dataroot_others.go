//go:build !linux

// Package dataroot reads what a Docker engine keeps of its containers on its own host, which is
// a Linux one.
package dataroot

import "errors"

// Root is the directory of one engine.
type Root struct {
	Path string
}

// Open fails: the engine's files are on a Linux host.
func Open(string, string) (*Root, error) {
	return nil, errors.New("the engine's files are on its host: run docker nsjoin there, on Linux")
}

// Close does nothing.
func (*Root) Close() {}

// IDs are none.
func (*Root) IDs() ([]string, error) { return nil, errors.ErrUnsupported }

// Read fails.
func (*Root) Read(string, string) ([]byte, error) { return nil, errors.ErrUnsupported }
