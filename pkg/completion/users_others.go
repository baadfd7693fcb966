//go:build !linux

package completion

// usersOf returns none: the containers' files are on another machine.
func usersOf(int) []string { return nil }
