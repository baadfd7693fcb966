package peeruid

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"os"

	"golang.org/x/sys/unix"
)

// request asks for a socket that is at from and connected to to.
type request struct {
	protocol uint8
	from, to netip.AddrPort
	all      bool  // for all sockets with the port of from instead
	family   uint8 // with all
}

// socket is a socket that the kernel has told of (struct inet_diag_msg).
type socket struct {
	state         uint8
	local, remote netip.AddrPort
	uid, inode    uint32
}

// The sizes of the structures in linux/netlink.h and linux/inet_diag.h.
const (
	headerSize  = 16 // struct nlmsghdr
	requestSize = 56 // struct inet_diag_req_v2
	messageSize = 72 // struct inet_diag_msg
)

const sockDiagByFamily = 20 // linux/sock_diag.h

// isConnected reports whether a socket of TCP has a connection, and a process that may have sent something by it.
func (s socket) isConnected() bool {
	switch s.state {
	case unix.BPF_TCP_ESTABLISHED, unix.BPF_TCP_FIN_WAIT1, unix.BPF_TCP_FIN_WAIT2, unix.BPF_TCP_CLOSE_WAIT, unix.BPF_TCP_CLOSING, unix.BPF_TCP_LAST_ACK:
		return true
	}
	return false
}

// isOwned reports whether the socket's user is known. 0 without an inode means nobody.
func (s socket) isOwned() bool { return (s.uid != 0 || s.inode != 0) && isMapped(s.uid) }

// asker asks the kernel, by a socket of this network namespace.
type asker struct {
	fd     int
	last   uint32 // sequence number
	buffer [messageSize + 512]byte
}

func newAsker() (*asker, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_SOCK_DIAG)
	if err != nil {
		return nil, fmt.Errorf("ask the kernel who has a socket: %w", os.NewSyscallError("socket", err))
	}
	// The kernel answers while it is asked. The limit is for what only imitates it.
	_ = unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Sec: 1})
	return &asker{fd: fd}, nil
}

func (a *asker) close() { _ = unix.Close(a.fd) }

// ask asks the kernel for sockets of this network namespace. After an error, the asker is of no more use.
func (a *asker) ask(r request) ([]socket, error) {
	a.last++
	if err := unix.Sendto(a.fd, r.encode(a.last), 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return nil, fmt.Errorf("ask the kernel who has a socket: %w", os.NewSyscallError("sendto", err))
	}
	found, err := a.receive(r.all)
	if err != nil {
		return nil, fmt.Errorf("ask the kernel who has a socket: %w", err)
	}
	return found, nil
}

// ask asks by a socket for this request alone.
func ask(r request) ([]socket, error) {
	a, err := newAsker()
	if err != nil {
		return nil, err
	}
	defer a.close()
	return a.ask(r)
}

func (r request) encode(sequence uint32) []byte {
	b := make([]byte, 0, headerSize+requestSize)
	flags := uint16(unix.NLM_F_REQUEST)
	if r.all {
		flags |= unix.NLM_F_DUMP
	}
	native := binary.NativeEndian
	b = native.AppendUint32(b, headerSize+requestSize)
	b = native.AppendUint16(b, sockDiagByFamily)
	b = native.AppendUint16(b, flags)
	b = native.AppendUint32(b, sequence)
	b = native.AppendUint32(b, 0) // to the kernel
	family := r.family
	if !r.all {
		family = unix.AF_INET
		if r.from.Addr().Is6() {
			family = unix.AF_INET6
		}
	}
	b = append(b, family, r.protocol, 0, 0)
	b = native.AppendUint32(b, ^uint32(0)) // in any state
	b = binary.BigEndian.AppendUint16(b, r.from.Port())
	if r.all {
		b = append(b, make([]byte, headerSize+requestSize-len(b))...)
		return b
	}
	b = binary.BigEndian.AppendUint16(b, r.to.Port())
	b = appendAddress(b, r.from.Addr())
	b = appendAddress(b, r.to.Addr())
	b = native.AppendUint32(b, 0)             // any interface
	return native.AppendUint64(b, ^uint64(0)) // no cookie
}

func appendAddress(b []byte, a netip.Addr) []byte {
	const size = 16
	return append(append(b, a.AsSlice()...), make([]byte, size-a.BitLen()/8)...)
}

// receive reads the answer.
func (a *asker) receive(all bool) (found []socket, err error) {
	buffer := a.buffer[:]
	if all {
		buffer = make([]byte, 32<<10)
	}
	for {
		n, from, err := unix.Recvfrom(a.fd, buffer, unix.MSG_TRUNC)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return nil, os.NewSyscallError("recvfrom", err)
		}
		if n > len(buffer) {
			return nil, errFormat
		}
		if kernel, ok := from.(*unix.SockaddrNetlink); !ok || kernel.Pid != 0 {
			continue // another process has sent this
		}
		more, err := a.parse(buffer[:n], &found)
		if err != nil || !all || !more {
			return found, err
		}
	}
}

var errFormat = errors.New("the answer is not understood")

// parse reads the messages of a part of the answer. more is false if it is the last part.
func (a *asker) parse(b []byte, found *[]socket) (more bool, err error) {
	native := binary.NativeEndian
	for len(b) >= headerSize {
		size := int(native.Uint32(b))
		if size < headerSize || size > len(b) {
			return false, errFormat
		}
		if native.Uint32(b[8:]) != a.last {
			return false, errFormat // the answer to another question
		}
		body := b[headerSize:size]
		switch native.Uint16(b[4:]) {
		case unix.NLMSG_DONE:
			return false, nil
		case unix.NLMSG_ERROR:
			if len(body) < 4 {
				return false, errFormat
			}
			errno := unix.Errno(-int32(native.Uint32(body)))
			if errno == unix.ENOENT { // there is no such socket
				return false, nil
			}
			return false, errno
		case sockDiagByFamily:
			if len(body) < messageSize {
				return false, errFormat
			}
			*found = append(*found, decode(body))
		}
		const alignment = 4
		b = b[min(len(b), (size+alignment-1)&^(alignment-1)):]
	}
	return true, nil
}

// decode reads a struct inet_diag_msg.
func decode(b []byte) socket {
	address := func(at int) netip.Addr {
		if b[0] == unix.AF_INET {
			return netip.AddrFrom4([4]byte(b[at : at+4]))
		}
		return netip.AddrFrom16([16]byte(b[at : at+16])).Unmap()
	}
	const sport, dport, src, dst, uid, inode = 4, 6, 8, 24, 64, 68
	return socket{
		state:  b[1],
		local:  netip.AddrPortFrom(address(src), binary.BigEndian.Uint16(b[sport:])),
		remote: netip.AddrPortFrom(address(dst), binary.BigEndian.Uint16(b[dport:])),
		uid:    binary.NativeEndian.Uint32(b[uid:]),
		inode:  binary.NativeEndian.Uint32(b[inode:]),
	}
}
