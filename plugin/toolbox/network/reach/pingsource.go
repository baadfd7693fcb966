package reach

import (
	"fmt"
	"net"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/tool"
)

// restrict makes the socket send from an interface, and fragment packets or not. A source that is an address is bound
// when the socket is opened.
func (p *ping) restrict(source, discover string) error {
	mode, known := map[string]int{"do": unix.IP_PMTUDISC_DO, "dont": unix.IP_PMTUDISC_DONT, "want": unix.IP_PMTUDISC_WANT, "probe": unix.IP_PMTUDISC_PROBE}[discover]
	if discover != "" && !known {
		return fmt.Errorf("-M %s is unknown: do, dont, want or probe", tool.Printable(discover))
	}
	device := source
	if net.ParseIP(source) != nil {
		device = ""
	}
	if device == "" && discover == "" {
		return nil
	}
	level, option := unix.SOL_IP, unix.IP_MTU_DISCOVER
	if p.ip.To4() == nil {
		level, option = unix.SOL_IPV6, unix.IPV6_MTU_DISCOVER
	}
	raw, err := p.socket()
	if err != nil {
		return err
	}
	var failed error
	err = raw.Control(func(fd uintptr) {
		if discover != "" {
			failed = unix.SetsockoptInt(int(fd), level, option, mode)
		}
		if device != "" && failed == nil {
			if failed = unix.BindToDevice(int(fd), device); failed != nil {
				failed = fmt.Errorf("%s: %w", tool.Printable(device), failed)
			}
		}
	})
	if failed != nil {
		return failed
	}
	return err
}
