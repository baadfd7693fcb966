//go:build linux && !amd64

package join

// ports does nothing: there is no right to use I/O ports.
func (c *compiler) ports() {}
