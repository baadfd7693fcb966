package lookup

import (
	"fmt"
	"strconv"
	"strings"
	"sync"

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/accounts"
)

// known are the services that are known if the container has no /etc/services.
const known = `ftp 21/tcp
ssh 22/tcp
telnet 23/tcp
smtp 25/tcp
domain 53/tcp
domain 53/udp
bootps 67/udp
bootpc 68/udp
tftp 69/udp
http 80/tcp
pop3 110/tcp
ntp 123/udp
imap2 143/tcp imap
snmp 161/udp
ldap 389/tcp
https 443/tcp
https 443/udp
syslog 514/udp
ldaps 636/tcp
imaps 993/tcp
pop3s 995/tcp
mysql 3306/tcp
postgresql 5432/tcp postgres
mdns 5353/udp
redis 6379/tcp
http-alt 8080/tcp
`

// table has the services of /etc/services.
type table struct {
	ports map[string]uint16 // by NAME/PROTOCOL
	names map[string]string // by PORT/PROTOCOL
}

// services reads /etc/services once, which may be anything.
var services = sync.OnceValue(func() table {
	text, err := accounts.ReadFile("/etc/services")
	if err != nil {
		text = known
	}
	return parse(text)
})

func parse(text string) table {
	t := table{make(map[string]uint16), make(map[string]string)}
	for line := range strings.Lines(text) {
		line, _, _ = strings.Cut(line, "#")
		fields := strings.Fields(line)
		if len(fields) < 2 {
			continue
		}
		number, protocol, _ := strings.Cut(fields[1], "/")
		port, err := strconv.ParseUint(number, 10, 16)
		if err != nil {
			continue
		}
		if _, ok := t.names[number+"/"+protocol]; !ok {
			t.names[number+"/"+protocol] = fields[0]
		}
		for _, name := range append(fields[2:], fields[0]) {
			t.ports[name+"/"+protocol] = uint16(port)
		}
	}
	return t
}

// Port returns the name of a port, or its number.
func Port(port uint16, protocol string) string {
	number := strconv.Itoa(int(port))
	if name, ok := services().names[number+"/"+protocol]; ok {
		return name
	}
	return number
}

// ServiceOf returns the port that a service has with a protocol, by its name or its number, which has to be known.
func ServiceOf(name, protocol string) (uint16, error) {
	if n, err := strconv.ParseUint(name, 10, 16); err == nil {
		if _, ok := services().names[name+"/"+protocol]; ok {
			return uint16(n), nil
		}
	}
	if port, ok := services().ports[name+"/"+protocol]; ok {
		return port, nil
	}
	return 0, fmt.Errorf("service %q is unknown", name)
}

// Service returns the port of a service, by its name or its number.
func Service(name string) (uint16, error) {
	if n, err := strconv.ParseUint(name, 10, 16); err == nil {
		return uint16(n), nil
	}
	for _, protocol := range []string{"tcp", "udp", "sctp"} {
		if port, ok := services().ports[name+"/"+protocol]; ok {
			return port, nil
		}
	}
	return 0, fmt.Errorf("port %q is unknown", name)
}
