package hook

import (
	"context"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strconv"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/tool"
)

// Files are what a shell has open besides its standard streams, by descriptor. A map is never changed, only replaced.
type Files map[int]any // *os.File or io.Writer

// Own is a file of the shell's that no program inherits: an end of a pipe to coproc.
type Own struct{ *os.File }

// With returns the files with another one, or without the descriptor for nil.
func (f Files) With(descriptor int, file any) Files {
	list := maps.Clone(f)
	if own, ok := list[descriptor].(Own); ok {
		own.Close()
	}
	if list == nil {
		list = make(Files)
	}
	if list[descriptor] = file; file == nil {
		delete(list, descriptor)
	}
	return list
}

// Extra returns the files that a program inherits, from descriptor 3 on.
func (f Files) Extra() (list []*os.File) {
	for _, descriptor := range slices.Sorted(maps.Keys(f)) {
		file, ok := f[descriptor].(*os.File)
		if !ok {
			continue
		}
		for len(list) < descriptor-3 {
			list = append(list, nil)
		}
		list = append(list, file)
	}
	return list
}

// Descriptor parses the descriptor of a redirection.
func Descriptor(text string) (int, error) {
	const most = 255
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 || n > most {
		return 0, fmt.Errorf("%s: bad file descriptor", strconv.Quote(text))
	}
	return n, nil
}

// Free returns a descriptor that is not used, for {NAME}>FILE.
func (f Files) Free() int {
	n := 10
	for f[n] != nil {
		n++
	}
	return n
}

// Writer returns what a descriptor is written to.
func (f Files) Writer(text string) (io.Writer, error) {
	n, err := Descriptor(text)
	if err != nil {
		return nil, err
	}
	if w, ok := f[n].(io.Writer); ok {
		return w, nil
	}
	return nil, fmt.Errorf("%d: bad file descriptor", n)
}

// Reader returns the file that a descriptor is read from.
func (f Files) Reader(text string) (*os.File, error) {
	n, err := Descriptor(text)
	if err != nil {
		return nil, err
	}
	switch file := f[n].(type) {
	case *os.File:
		return file, nil
	case Own:
		return file.File, nil
	}
	return nil, fmt.Errorf("%d: bad file descriptor", n)
}

// Collect returns a pipe whose content is copied to a writer, for $(COMMAND). finish closes it, and waits until all that have
// inherited it have closed it too, or until ctx ends.
func Collect(ctx context.Context, to io.Writer) (pipe *os.File, finish func(), err error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, nil, err
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, _ = io.Copy(to, r)
	}()
	return w, func() {
		w.Close()
		stop := context.AfterFunc(ctx, func() { r.Close() })
		<-done
		stop()
		r.Close()
	}, nil
}

// OpenError says that a file of a redirection can't be opened.
type OpenError struct {
	Path string
	Err  error
}

func (e *OpenError) Error() string { return tool.Printable(e.Path) + ": " + e.Err.Error() }

func (e *OpenError) Unwrap() error { return e.Err }

// Closed is what a closed descriptor is written to.
type Closed struct{}

// Write implements io.Writer.
func (Closed) Write([]byte) (int, error) { return 0, unix.EBADF }
