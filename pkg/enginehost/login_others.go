//go:build !linux

package enginehost

// login returns nothing: these kernels keep no login uid.
func login() (uid, session *uint32, terminal string) { return nil, nil, "" }
