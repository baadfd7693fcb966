//go:build linux

package multiplexer

// ServeFor is Serve with another time for helpers to end.
var ServeFor = serve
