//go:build !linux

package main

import "github.com/rogpeppe/go-internal/testscript"

func filters(ts *testscript.TestScript, _ bool, _ []string) {
	ts.Fatalf("seccomp filters are Linux's")
}
