// Package stty is the toolbox's stty. It prints as GNU's does.
package stty

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/tool"
)

const usage = "usage: stty [-F DEVICE] [-a | -g | size | speed | SETTING...]\nsettings: [-]MODE (see stty -a), sane, [-]raw, [-]cooked, [-]cbreak, [-]nl, ek, rows N, cols N, NAME CHARACTER (intr ^C), " +
	"min N, time N, N (baud), ispeed N, ospeed N, and what -g prints"

// call is a call of stty.
type call struct {
	fd      int
	mode    unix.Termios
	changed bool // the mode is to be set
}

// Main prints or changes the modes of the terminal that is standard input.
func Main(args []string) int {
	c := &call{}
	if len(args) > 1 && args[0] == "-F" {
		args = append([]string{"--file=" + args[1]}, args[2:]...)
	}
	if len(args) > 0 && strings.HasPrefix(args[0], "--file=") {
		file, err := os.OpenFile(strings.TrimPrefix(args[0], "--file="), os.O_RDWR|unix.O_NONBLOCK|unix.O_NOCTTY, 0)
		if err != nil {
			return tool.Complain("stty", err)
		}
		defer file.Close()
		c.fd, args = int(file.Fd()), args[1:]
	}
	if len(args) > 0 && args[0] == "--help" {
		tool.Println(usage)
		return 0
	}
	mode, err := unix.IoctlGetTermios(c.fd, unix.TCGETS)
	if err != nil {
		return tool.Complain("stty", fmt.Errorf("standard input: %w", err))
	}
	c.mode = *mode
	switch {
	case len(args) == 0:
		c.different()
		return 0
	case len(args) == 1 && (args[0] == "-a" || args[0] == "--all"):
		c.all()
		return 0
	case len(args) == 1 && (args[0] == "-g" || args[0] == "--save"):
		tool.Println(c.saved())
		return 0
	}
	for len(args) > 0 {
		if args, err = c.setting(args); err != nil {
			return tool.Complain("stty", err)
		}
	}
	if !c.changed {
		return 0
	}
	if err := unix.IoctlSetTermios(c.fd, unix.TCSETSW, &c.mode); err != nil {
		return tool.Complain("stty", err)
	}
	return 0
}

// setting takes a setting, and returns the rest of the arguments.
func (c *call) setting(args []string) ([]string, error) {
	name, rest := args[0], args[1:]
	switch name {
	case "size":
		rows, columns := c.size()
		tool.Println(rows, columns)
		return rest, nil
	case "speed":
		tool.Println(c.baud())
		return rest, nil
	case "rows", "cols", "columns", "min", "time", "ispeed", "ospeed", "line":
		if len(rest) == 0 {
			return nil, fmt.Errorf("missing argument to %q", name)
		}
		n, err := strconv.ParseUint(rest[0], 0, 31)
		if err != nil {
			return nil, fmt.Errorf("invalid integer argument: %q", rest[0])
		}
		return rest[1:], c.number(name, int(n))
	}
	for _, one := range characters {
		if one.name != name && (name != "flush" || one.name != "discard") {
			continue
		}
		if len(rest) == 0 {
			return nil, fmt.Errorf("missing argument to %q", name)
		}
		value, err := parseCharacter(rest[0])
		c.mode.Cc[one.index], c.changed = value, true
		return rest[1:], err
	}
	c.changed = true
	if baud, err := strconv.Atoi(name); err == nil {
		return rest, c.number("speed", baud)
	}
	if strings.Count(name, ":") > 3 {
		return rest, c.restore(name)
	}
	plain, off := strings.CutPrefix(name, "-")
	if c.combination(plain, !off) {
		return rest, nil
	}
	for i := range modes {
		if m := &modes[i]; m.name == plain && (!off || !m.single) {
			m.set(&c.mode, !off)
			return rest, nil
		}
	}
	return nil, fmt.Errorf("invalid argument %q", name)
}

// number sets what has a number.
func (c *call) number(name string, n int) error {
	switch name {
	case "rows", "cols", "columns":
		rows, columns := c.size()
		if name == "rows" {
			rows = n
		} else {
			columns = n
		}
		size := unix.Winsize{Row: uint16(rows), Col: uint16(columns)}
		return unix.IoctlSetWinsize(c.fd, unix.TIOCSWINSZ, &size)
	case "min":
		c.mode.Cc[unix.VMIN] = byte(n)
	case "time":
		c.mode.Cc[unix.VTIME] = byte(n)
	case "line":
		c.mode.Line = byte(n)
	default:
		for _, speed := range speeds {
			if speed.baud == n {
				c.mode.Cflag = c.mode.Cflag&^unix.CBAUD | speed.bits
				c.changed = true
				return nil
			}
		}
		return fmt.Errorf("invalid argument %q", strconv.Itoa(n))
	}
	c.changed = true
	return nil
}

// combination sets a combination of modes.
func (c *call) combination(name string, on bool) bool {
	raw := func(on bool) {
		if on {
			c.mode.Iflag &^= unix.IGNBRK | unix.BRKINT | unix.IGNPAR | unix.PARMRK | unix.INPCK | unix.ISTRIP | unix.INLCR | unix.IGNCR | unix.ICRNL |
				unix.IXON | unix.IXOFF | unix.IUCLC | unix.IXANY | unix.IMAXBEL
			c.mode.Oflag &^= unix.OPOST
			c.mode.Lflag &^= unix.ISIG | unix.ICANON | unix.XCASE
			c.mode.Cc[unix.VMIN], c.mode.Cc[unix.VTIME] = 1, 0
			return
		}
		c.mode.Iflag |= unix.BRKINT | unix.IGNPAR | unix.ISTRIP | unix.ICRNL | unix.IXON
		c.mode.Oflag |= unix.OPOST
		c.mode.Lflag |= unix.ISIG | unix.ICANON
		c.mode.Cc[unix.VEOF], c.mode.Cc[unix.VEOL] = 4, 0
	}
	switch name {
	case "sane":
		for i := range modes {
			if m := &modes[i]; m.sane != 0 {
				m.set(&c.mode, m.sane == '+')
			}
		}
		for _, one := range characters {
			c.mode.Cc[one.index] = one.sane
		}
		c.mode.Cc[unix.VMIN], c.mode.Cc[unix.VTIME] = 1, 0
		return on
	case "raw":
		raw(on)
	case "cooked":
		raw(!on)
	case "cbreak":
		(&mode{group: local, bits: unix.ICANON}).set(&c.mode, !on)
	case "nl":
		(&mode{group: input, bits: unix.ICRNL}).set(&c.mode, !on)
		(&mode{group: output, bits: unix.ONLCR}).set(&c.mode, !on)
		if !on {
			c.mode.Iflag &^= unix.INLCR | unix.IGNCR
			c.mode.Oflag &^= unix.OCRNL | unix.ONLRET
		}
	case "ek":
		c.mode.Cc[unix.VERASE], c.mode.Cc[unix.VKILL] = 127, 21
	case "crt":
		c.mode.Lflag |= unix.ECHOE | unix.ECHOCTL | unix.ECHOKE
	case "pass8":
		(&mode{group: input, bits: unix.ISTRIP}).set(&c.mode, !on)
	default:
		return false
	}
	return true
}

// parseCharacter parses a control character: ^C, undef, ^-, a number or the character.
func parseCharacter(text string) (byte, error) {
	switch n, err := strconv.ParseUint(text, 0, 8); {
	case text == "undef" || text == "^-" || text == "":
		return 0, nil
	case len(text) == 1:
		return text[0], nil
	case len(text) == 2 && text[0] == '^':
		if text[1] == '?' {
			return 127, nil
		}
		return text[1] &^ 0x60, nil
	case err == nil:
		return byte(n), nil
	}
	return 0, fmt.Errorf("invalid integer argument: %q", text)
}

// saved returns the modes in the form of stty -g.
func (c *call) saved() string {
	m := &c.mode
	var text strings.Builder
	fmt.Fprintf(&text, "%x:%x:%x:%x", m.Iflag, m.Oflag, m.Cflag, m.Lflag)
	for _, one := range m.Cc {
		fmt.Fprintf(&text, ":%x", one)
	}
	return text.String() + strings.Repeat(":0", 32-len(m.Cc)) // as the C library has so many
}

func (c *call) restore(text string) error {
	parts := strings.Split(text, ":")
	values := make([]uint32, len(parts))
	for i, part := range parts {
		n, err := strconv.ParseUint(part, 16, 32)
		if err != nil {
			return fmt.Errorf("invalid argument %q", text)
		}
		values[i] = uint32(n)
	}
	if len(values) < 4+len(c.mode.Cc) {
		return errors.New("what was saved is incomplete")
	}
	c.mode.Iflag, c.mode.Oflag, c.mode.Cflag, c.mode.Lflag = values[0], values[1], values[2], values[3]
	for i := range c.mode.Cc {
		c.mode.Cc[i] = byte(values[4+i])
	}
	return nil
}

func (c *call) size() (rows, columns int) {
	size, err := unix.IoctlGetWinsize(c.fd, unix.TIOCGWINSZ)
	if err != nil {
		return 0, 0
	}
	return int(size.Row), int(size.Col)
}

func (c *call) baud() int {
	for _, speed := range speeds {
		if c.mode.Cflag&unix.CBAUD == speed.bits {
			return speed.baud
		}
	}
	return 0
}
