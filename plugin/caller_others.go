//go:build !linux

package main

import "os"

func connectCLI(parent) (*os.File, error) { return nil, nil }
