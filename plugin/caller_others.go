//go:build !linux

package main

import "os"

func connectCLI() *os.File { return nil }
