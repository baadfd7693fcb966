//go:build !linux

package launch

import "io"

// Child is a helper that runs beside this process; there is none on this system.
type Child struct{}

// Start fails: joining namespaces needs Linux.
func (p *Program) Start() (*Child, error) { return nil, errNotLinux() }

// Write fails.
func (c *Child) Write([]byte) (int, error) { return 0, errNotLinux() }

// Close does nothing.
func (c *Child) Close() {}

// Output fails.
func (c *Child) Output(io.Writer, io.Writer) error { return errNotLinux() }

// Wait fails.
func (c *Child) Wait() (int, error) { return 0, errNotLinux() }

// MayLeave reports false.
func (c *Child) MayLeave() bool { return false }
