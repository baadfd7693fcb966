//go:build unix

package state

// ElsewhereThan is Elsewhere, with another directory than /run/user.
func (d Dir) ElsewhereThan(logins string) []Dir { return d.elsewhere(logins) }
