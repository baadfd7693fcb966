//go:build linux && !amd64

package join

// ports does nothing: only amd64 has a right to use I/O ports.
func (c *compiler) ports() {}
