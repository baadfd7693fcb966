//go:build unix

package control

import (
	"os"
	"os/signal"
	"syscall"
)

// hasGuards says that a call has a guard.
const hasGuards = true

// variables are those that package state finds its directory with.
func variables() []string { return []string{"XDG_RUNTIME_DIR=" + os.Getenv("XDG_RUNTIME_DIR")} }

// apart puts a process into a session of its own.
func apart() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setsid: true} }

// ignoreSignals lets a guard outlive the call, whatever ends the call.
func ignoreSignals() { signal.Ignore(syscall.SIGHUP, syscall.SIGINT, syscall.SIGTERM) }
