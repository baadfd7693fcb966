package tool

import (
	"context"
	"os"
	"reflect"
)

// Part is a part of a shell that runs in the background: COMMAND &. The shell's interpreter, which is repaired for that,
// calls its methods.
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
}

// Background returns the part for a command that the interpreter is about to run in the background, which is a node of its
// parser, and the context for it. ctx is that of the statement.
var Background func(ctx context.Context, command any) (context.Context, Part)

// ReadInput reads standard input for a builtin, until ctx ends. With no bytes to read, it only waits until the builtin may
// read.
var ReadInput = func(_ context.Context, file *os.File, b []byte) (int, error) { return file.Read(b) }

// First waits until the first of some channels is closed, and returns its place.
func First(ctx context.Context, ended []chan struct{}) (int, error) {
	cases := []reflect.SelectCase{{Dir: reflect.SelectRecv, Chan: reflect.ValueOf(ctx.Done())}}
	for _, c := range ended {
		cases = append(cases, reflect.SelectCase{Dir: reflect.SelectRecv, Chan: reflect.ValueOf(c)})
	}
	at, _, _ := reflect.Select(cases)
	return at - 1, ctx.Err()
}
