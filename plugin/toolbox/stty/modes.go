package stty

import "golang.org/x/sys/unix"

// group says which flags of a terminal a mode belongs to.
type group int

const (
	control group = iota
	input
	output
	local
)

// mode is a row of the table of modes.
type mode struct {
	name   string
	group  group
	bits   uint32
	mask   uint32 // the bits of a choice among several, or 0
	sane   rune   // '+' or '-': what stty sane sets
	single bool   // it has no opposite with a -
	other  bool   // another name, which is not shown
}

// modes are in the order of GNU's stty.
var modes = []mode{
	{name: "parenb", group: control, bits: unix.PARENB},
	{name: "parodd", group: control, bits: unix.PARODD},
	{name: "cmspar", group: control, bits: unix.CMSPAR},
	{name: "cs5", group: control, bits: unix.CS5, mask: unix.CSIZE, single: true},
	{name: "cs6", group: control, bits: unix.CS6, mask: unix.CSIZE, single: true},
	{name: "cs7", group: control, bits: unix.CS7, mask: unix.CSIZE, single: true},
	{name: "cs8", group: control, bits: unix.CS8, mask: unix.CSIZE, single: true},
	{name: "hupcl", group: control, bits: unix.HUPCL},
	{name: "hup", group: control, bits: unix.HUPCL, other: true},
	{name: "cstopb", group: control, bits: unix.CSTOPB},
	{name: "cread", group: control, bits: unix.CREAD, sane: '+'},
	{name: "clocal", group: control, bits: unix.CLOCAL},
	{name: "crtscts", group: control, bits: unix.CRTSCTS},

	{name: "ignbrk", group: input, bits: unix.IGNBRK, sane: '-'},
	{name: "brkint", group: input, bits: unix.BRKINT, sane: '+'},
	{name: "ignpar", group: input, bits: unix.IGNPAR},
	{name: "parmrk", group: input, bits: unix.PARMRK},
	{name: "inpck", group: input, bits: unix.INPCK},
	{name: "istrip", group: input, bits: unix.ISTRIP},
	{name: "inlcr", group: input, bits: unix.INLCR, sane: '-'},
	{name: "igncr", group: input, bits: unix.IGNCR, sane: '-'},
	{name: "icrnl", group: input, bits: unix.ICRNL, sane: '+'},
	{name: "ixon", group: input, bits: unix.IXON},
	{name: "ixoff", group: input, bits: unix.IXOFF, sane: '-'},
	{name: "tandem", group: input, bits: unix.IXOFF, other: true},
	{name: "iuclc", group: input, bits: unix.IUCLC, sane: '-'},
	{name: "ixany", group: input, bits: unix.IXANY, sane: '-'},
	{name: "imaxbel", group: input, bits: unix.IMAXBEL, sane: '+'},
	{name: "iutf8", group: input, bits: unix.IUTF8, sane: '-'},

	{name: "opost", group: output, bits: unix.OPOST, sane: '+'},
	{name: "olcuc", group: output, bits: unix.OLCUC, sane: '-'},
	{name: "ocrnl", group: output, bits: unix.OCRNL, sane: '-'},
	{name: "onlcr", group: output, bits: unix.ONLCR, sane: '+'},
	{name: "onocr", group: output, bits: unix.ONOCR, sane: '-'},
	{name: "onlret", group: output, bits: unix.ONLRET, sane: '-'},
	{name: "ofill", group: output, bits: unix.OFILL, sane: '-'},
	{name: "ofdel", group: output, bits: unix.OFDEL, sane: '-'},
	{name: "nl1", group: output, bits: unix.NL1, mask: unix.NLDLY, single: true},
	{name: "nl0", group: output, bits: unix.NL0, mask: unix.NLDLY, sane: '+', single: true},
	{name: "cr3", group: output, bits: unix.CR3, mask: unix.CRDLY, single: true},
	{name: "cr2", group: output, bits: unix.CR2, mask: unix.CRDLY, single: true},
	{name: "cr1", group: output, bits: unix.CR1, mask: unix.CRDLY, single: true},
	{name: "cr0", group: output, bits: unix.CR0, mask: unix.CRDLY, sane: '+', single: true},
	{name: "tab3", group: output, bits: unix.TAB3, mask: unix.TABDLY, single: true},
	{name: "tab2", group: output, bits: unix.TAB2, mask: unix.TABDLY, single: true},
	{name: "tab1", group: output, bits: unix.TAB1, mask: unix.TABDLY, single: true},
	{name: "tab0", group: output, bits: unix.TAB0, mask: unix.TABDLY, sane: '+', single: true},
	{name: "bs1", group: output, bits: unix.BS1, mask: unix.BSDLY, single: true},
	{name: "bs0", group: output, bits: unix.BS0, mask: unix.BSDLY, sane: '+', single: true},
	{name: "vt1", group: output, bits: unix.VT1, mask: unix.VTDLY, single: true},
	{name: "vt0", group: output, bits: unix.VT0, mask: unix.VTDLY, sane: '+', single: true},
	{name: "ff1", group: output, bits: unix.FF1, mask: unix.FFDLY, single: true},
	{name: "ff0", group: output, bits: unix.FF0, mask: unix.FFDLY, sane: '+', single: true},

	{name: "isig", group: local, bits: unix.ISIG, sane: '+'},
	{name: "icanon", group: local, bits: unix.ICANON, sane: '+'},
	{name: "iexten", group: local, bits: unix.IEXTEN, sane: '+'},
	{name: "echo", group: local, bits: unix.ECHO, sane: '+'},
	{name: "echoe", group: local, bits: unix.ECHOE, sane: '+'},
	{name: "crterase", group: local, bits: unix.ECHOE, other: true},
	{name: "echok", group: local, bits: unix.ECHOK, sane: '+'},
	{name: "echonl", group: local, bits: unix.ECHONL, sane: '-'},
	{name: "noflsh", group: local, bits: unix.NOFLSH, sane: '-'},
	{name: "xcase", group: local, bits: unix.XCASE, sane: '-'},
	{name: "tostop", group: local, bits: unix.TOSTOP, sane: '-'},
	{name: "echoprt", group: local, bits: unix.ECHOPRT, sane: '-'},
	{name: "prterase", group: local, bits: unix.ECHOPRT, other: true},
	{name: "echoctl", group: local, bits: unix.ECHOCTL, sane: '+'},
	{name: "ctlecho", group: local, bits: unix.ECHOCTL, other: true},
	{name: "echoke", group: local, bits: unix.ECHOKE, sane: '+'},
	{name: "crtkill", group: local, bits: unix.ECHOKE, other: true},
	{name: "flusho", group: local, bits: unix.FLUSHO, sane: '-'},
	{name: "extproc", group: local, bits: unix.EXTPROC, sane: '-'},
}

// flags returns the flags of a group.
func flags(t *unix.Termios, g group) *uint32 {
	return []*uint32{&t.Cflag, &t.Iflag, &t.Oflag, &t.Lflag}[g]
}

func (m *mode) isSet(t *unix.Termios) bool {
	value := *flags(t, m.group)
	if m.mask != 0 {
		return value&m.mask == m.bits
	}
	return value&m.bits == m.bits
}

func (m *mode) set(t *unix.Termios, on bool) {
	value := flags(t, m.group)
	*value &^= m.bits | m.mask
	if on {
		*value |= m.bits
	}
}

// character is a row of the table of control characters.
type character struct {
	name  string
	index int
	sane  byte
}

var characters = []character{
	{"intr", unix.VINTR, 3},
	{"quit", unix.VQUIT, 28},
	{"erase", unix.VERASE, 127},
	{"kill", unix.VKILL, 21},
	{"eof", unix.VEOF, 4},
	{"eol", unix.VEOL, 0},
	{"eol2", unix.VEOL2, 0},
	{"swtch", unix.VSWTC, 0},
	{"start", unix.VSTART, 17},
	{"stop", unix.VSTOP, 19},
	{"susp", unix.VSUSP, 26},
	{"rprnt", unix.VREPRINT, 18},
	{"werase", unix.VWERASE, 23},
	{"lnext", unix.VLNEXT, 22},
	{"discard", unix.VDISCARD, 15},
}

// speeds are the numbers of baud by what the kernel has for them.
var speeds = []struct {
	bits uint32
	baud int
}{
	{unix.B0, 0},
	{unix.B50, 50},
	{unix.B75, 75},
	{unix.B110, 110},
	{unix.B134, 134},
	{unix.B150, 150},
	{unix.B200, 200},
	{unix.B300, 300},
	{unix.B600, 600},
	{unix.B1200, 1200},
	{unix.B1800, 1800},
	{unix.B2400, 2400},
	{unix.B4800, 4800},
	{unix.B9600, 9600},
	{unix.B19200, 19200},
	{unix.B38400, 38400},
	{unix.B57600, 57600},
	{unix.B115200, 115200},
	{unix.B230400, 230400},
	{unix.B460800, 460800},
	{unix.B921600, 921600},
}
