package enginehost

import "github.com/nsjoin/docker-nsjoin/pkg/procfs"

// login returns the kernel's login uid and audit session, and the controlling terminal.
func login() (uid, session *uint32, terminal string) {
	uid, session = procfs.Login()
	return uid, session, procfs.ControllingTerminal()
}
