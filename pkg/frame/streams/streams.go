// Package streams carries many connections over one pair of byte streams: a helper container's standard input and
// output. Each connection is a numbered stream with credit in each direction, so that one that is not read holds up no
// other. The two ends are the client and the helper; both read at all times, whatever the connections do.
//
// # The protocol, version 1
//
// A frame is a header and a payload. The header has 8 bytes: the kind (1), the payload's length (3) and the stream's
// number (4), big-endian. The number is 0 for the first three kinds.
//
//	'v' version   the first frame of each end: "nsjoin", and one byte, Version
//	'a' alive     empty; each end sends one in each frame.Interval, and is gone if nothing comes for frame.Timeout
//	'q' gone      from the helper: nothing more is opened; empty if the container's first process has ended, else a text
//	              that says why the helper ends, which the client should not start again
//
//	'o' open      a new stream: one byte, its Network, and an address
//	'+' opened    the answer of the helper: the address of its socket
//	'-' refused   the other answer: an errno, and a text of the helper; the stream has ended
//	'd' data      1 to MaxData bytes, no more than the credit
//	'g' datagram  one packet, up to MaxData bytes; may be sent if there is any credit, and be dropped at any time
//	'n' notice    an errno: a packet was not delivered (udp only)
//	'c' credit    how many bytes more the other end may send, four bytes; on a listener: how many connections
//	'e' end       one byte: 0, no more data from this end (half-close); 1, and no more is read (close)
//	'r' reset     an errno, or 0: the stream has ended, and what was under way is lost
//
// An address of TCP or UDP is '4' or '6', the IP address (4 or 16 bytes), the port (2 bytes) and perhaps a zone of IPv6, the
// name or number of a network interface. One of UNIX is a path, or an abstract name that begins with @. One of a command is
// a set of capabilities, in hexadecimal digits; the client's end of data hangs up on the helper, at once.
//
// An errno is two bytes, a number of Linux. A number is used once, in increasing order: odd ones by the client, even
// ones by the helper. Whoever opens a stream may send at once; each end begins with InitialCredit. The client opens
// connections, listeners and questions (an answer is data); the helper opens the connections of a listener, whose
// address begins with the listener's number, in four bytes. They need no answer. A listener is ended by close or reset,
// and so is one by the helper if it fails.
//
// A stream has ended when both ends have sent end, or one has sent close or reset. Frames of an ended stream are
// ignored: they were under way. Anything else that the above does not allow ends all streams.
//
// # Memory
//
// An end holds at most what it has given credit for: InitialCredit for each of at most Limit streams, and Budget beyond
// that for all of them together. A stream's credit quadruples while its reader waits for data, up to MaxCredit, and each
// time by no more than a quarter of what is left of the budget. A UDP packet may exceed the credit that is left by its
// own size.
package streams

import "errors"

// Version is the version of the protocol.
const Version = 1

// Sizes, in bytes.
const (
	MaxData       = 64 << 10 // the largest payload
	InitialCredit = 16 << 10
	MaxCredit     = 16 << 20 // of a stream: 320 MB a second with a round trip of 50 ms
	Budget        = 64 << 20 // of all streams of one end together, beyond InitialCredit
	MaxAddress    = 512
)

// Limit is how many streams there may be at a time.
const Limit = 4096

// Network is what a stream is connected to.
type Network byte

// The networks. Listening and Names are questions.
const (
	TCP        Network = 't'
	UDP        Network = 'u'
	Unix       Network = 'x'
	ListenTCP  Network = 'T'
	ListenUnix Network = 'X'
	Listening  Network = 'L' // sockets that wait for connections, as JSON; the address is WithPrograms or empty
	Names      Network = 'N' // the files about names, as JSON
	Accepted   Network = 'A' // a connection of a listener
	Command    Network = 'C' // a helper's standard streams; package multiplexer serves it, and nothing else
)

// WithPrograms as the address of Listening asks for the programs too.
const WithPrograms = "programs"

func (n Network) known() bool {
	switch n {
	case TCP, UDP, Unix, ListenTCP, ListenUnix, Listening, Names, Accepted, Command:
		return true
	}
	return false
}

func (n Network) listens() bool { return n == ListenTCP || n == ListenUnix }

// Errors of a stream.
var (
	ErrClosed   = errors.New("use of a closed stream")
	ErrUnread   = errors.New("the other end reads no more")
	ErrDeadline = errors.New("the stream's deadline has passed")
	ErrLimit    = errors.New("too many connections at a time")
	ErrTimeout  = errors.New("nothing has come from the other end for a minute")
)

// An EndedError is why a connection was refused or has ended, as the other end says.
type EndedError struct {
	Errno int    // a number of Linux; 0 if there is none
	Text  string // of the other end; may be empty
}

func (e *EndedError) Error() string {
	if e.Text == "" {
		return "the connection was reset"
	}
	return e.Text
}

// kind is the kind of a frame.
type kind byte

const (
	kindVersion  kind = 'v'
	kindAlive    kind = 'a'
	kindGone     kind = 'q'
	kindOpen     kind = 'o'
	kindOpened   kind = '+'
	kindRefused  kind = '-'
	kindData     kind = 'd'
	kindDatagram kind = 'g'
	kindNotice   kind = 'n'
	kindCredit   kind = 'c'
	kindEnd      kind = 'e'
	kindReset    kind = 'r'
)

const (
	headerSize = 8
	magic      = "nsjoin"
	errnoSize  = 2
	numberSize = 4
	maxText    = MaxAddress
)

// lengths returns the smallest and the largest length of a kind's payload.
func (k kind) lengths() (least, most int, known bool) {
	switch k {
	case kindVersion:
		return len(magic) + 1, len(magic) + 1, true
	case kindAlive:
		return 0, 0, true
	case kindGone:
		return 0, maxText, true
	case kindOpen:
		return 1, 1 + numberSize + MaxAddress, true
	case kindOpened:
		return 0, MaxAddress, true
	case kindRefused:
		return errnoSize, errnoSize + maxText, true
	case kindData:
		return 1, MaxData, true
	case kindDatagram:
		return 0, MaxData, true
	case kindNotice, kindReset:
		return errnoSize, errnoSize, true
	case kindCredit:
		return numberSize, numberSize, true
	case kindEnd:
		return 1, 1, true
	}
	return 0, 0, false
}
