//go:build !linux

package launch

import "io"

// Beside is a helper that runs beside this process; there is none on this system.
type Beside struct{}

// StartMultiplexer fails: joining namespaces needs Linux.
func (p *Program) StartMultiplexer() (*Beside, error) { return nil, errNotLinux() }

// Start fails, too.
func (p *Program) Start() (*Beside, error) { return nil, errNotLinux() }

// Write fails.
func (m *Beside) Write([]byte) (int, error) { return 0, errNotLinux() }

// CloseWrite fails.
func (m *Beside) CloseWrite() error { return errNotLinux() }

// Close does nothing.
func (m *Beside) Close() {}

// Output fails.
func (m *Beside) Output(io.Writer, io.Writer) error { return errNotLinux() }

// OutputApart fails.
func (m *Beside) OutputApart(io.Writer, io.Writer) error { return errNotLinux() }

// Wait fails.
func (m *Beside) Wait() (int, error) { return 0, errNotLinux() }

// CommandHasEnded reports true.
func (m *Beside) CommandHasEnded() bool { return true }

// MayLeave reports false.
func (m *Beside) MayLeave() bool { return false }
