package peercred

import "golang.org/x/sys/unix"

func of(fd int) (uid uint32, known bool, err error) {
	peer, err := unix.GetsockoptXucred(fd, unix.SOL_LOCAL, unix.LOCAL_PEERCRED)
	if err != nil {
		return 0, false, err
	}
	return peer.Uid, true, nil
}
