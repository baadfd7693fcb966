package main

import "github.com/nsjoin/docker-nsjoin/pkg/procfs"

// login is what the kernel says of who logged in, and the controlling terminal.
func login() (uid, session *uint32, terminal string) {
	uid, session = procfs.Login()
	return uid, session, procfs.ControllingTerminal()
}
