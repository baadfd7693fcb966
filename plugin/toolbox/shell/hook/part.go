// Package hook has what the shell's interpreter, mvdan.cc/sh, asks of the shell. The interpreter is repaired for that when the
// toolbox is built: plugin/toolbox/assemble.
package hook

import (
	"context"
	"io"
	"os"
	"reflect"

	"golang.org/x/sys/unix"
)

// Part is a part of a shell that runs in the background: COMMAND &.
type Part interface {
	// Started is called when the part runs.
	Started()
	// Ended is called when it has ended, with its error and its status. It returns the status for wait.
	Ended(err error, status uint8) uint8
	// Name returns what $! is.
	Name() string
	// IsNamed reports whether an argument of wait means this part.
	IsNamed(name string) bool
	// Input returns the standard input of the part, instead of the one that it would inherit.
	Input(file *os.File) *os.File
	// Output returns what the part writes to: the statement that has opened a file may close it before the part ends.
	Output(to io.Writer) io.Writer
}

// Background returns the part for a command that the interpreter is about to run in the background, which is a node of its
// parser, and the context for it. ctx is that of the statement.
var Background func(ctx context.Context, command any) (context.Context, Part)

// ReadInput reads standard input for a builtin, until ctx ends. With no bytes to read, it only waits until the builtin may
// read.
var ReadInput = func(_ context.Context, file *os.File, b []byte) (int, error) { return file.Read(b) }

// KeepMask returns a function that sets the umask back: a subshell is no process of its own.
func KeepMask() (restore func()) {
	mask := unix.Umask(0)
	unix.Umask(mask)
	return func() { unix.Umask(mask) }
}

// First waits until the first of some channels is closed, and returns its place. It returns the status of wait, as Wait does, if
// that is not what has happened.
func First(ctx context.Context, ended []chan struct{}) (at int, status uint8, err error) {
	cases := []reflect.SelectCase{
		{Dir: reflect.SelectRecv, Chan: reflect.ValueOf(ctx.Done())},
		{Dir: reflect.SelectRecv, Chan: reflect.ValueOf(Traps.Arrived())},
	}
	for _, c := range ended {
		cases = append(cases, reflect.SelectCase{Dir: reflect.SelectRecv, Chan: reflect.ValueOf(c)})
	}
	at, _, _ = reflect.Select(cases)
	if at == 1 {
		return 0, Traps.Status(), nil
	}
	return at - 2, 0, ctx.Err()
}

// Wait waits until a part has ended. A signal that has a trap ends that, with the status of wait, and ctx with an error.
func Wait(ctx context.Context, ended chan struct{}) (status uint8, err error) {
	_, status, err = First(ctx, []chan struct{}{ended})
	return status, err
}
