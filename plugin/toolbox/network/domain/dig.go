// Package domain is the toolbox's dig, host and nslookup.
package domain

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/miekg/dns"

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/accounts"
	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/tool"
)

// dig is a query with its options.
type dig struct {
	server, port, name  string
	kind, class         uint16
	short, tcp, search  bool
	noRecursion, dnssec bool
	noEDNS, ignore      bool
	checkingDisabled    bool
	authenticated       bool
	identify, trace     bool
	size                uint16 // of an answer that is taken by UDP
	subnet              *dns.EDNS0_SUBNET
	source              net.IP
	family              string          // 4, 6 or either
	hide                map[string]bool // parts that are not printed
	timeout             time.Duration
	tries               int
	args                []string
}

// servers returns the name servers and the search list of /etc/resolv.conf.
func servers() (list, search []string, err error) {
	text, err := accounts.ReadFile("/etc/resolv.conf")
	if err != nil {
		return nil, nil, err
	}
	config, err := dns.ClientConfigFromReader(strings.NewReader(text))
	if err != nil {
		return nil, nil, err
	}
	if len(config.Servers) == 0 {
		config.Servers = []string{"127.0.0.1"}
	}
	return config.Servers, config.Search, nil
}

const digUsage = "usage: dig [@SERVER] [-p PORT] [-b ADDRESS] [-x ADDRESS] [-t TYPE] [-c CLASS] [NAME] [TYPE] [+short] [+tcp] [+norecurse] [+search] [+dnssec] [+trace] [+cd] [+noedns] [+bufsize=BYTES] [+subnet=NET] [+time=SECONDS] [+tries=N] [+noall] [+answer] and the other parts; several names, each with its type, are several queries"

// Dig asks name servers.
func Dig(args []string) int {
	if len(args) == 1 && args[0] == "-v" {
		tool.Println("dig of docker nsjoin's toolbox, by github.com/miekg/dns")
		return 0
	}
	status := 0
	for rest := args; ; {
		q := &dig{port: "53", kind: dns.TypeNone, class: dns.ClassINET, timeout: 5 * time.Second, tries: 3, size: 1232, args: args}
		next, err := q.parse(rest)
		if err != nil {
			fmt.Fprintf(tool.Stderr, "dig: %v\n%s\n", err, digUsage)
			return 1
		}
		if q.kind == dns.TypeNone {
			q.kind = dns.TypeA
			if q.name == "" {
				q.kind = dns.TypeNS
			}
		}
		q.name = cmp.Or(q.name, ".")
		status = max(status, q.ask())
		if next == nil {
			return status
		}
		rest = next
	}
}

// parse reads the arguments of a query. It returns those of the next one, with all options, if another name follows.
func (q *dig) parse(args []string) (next []string, err error) {
	var options []string
	for i := 0; i < len(args); i++ {
		arg, start := args[i], i
		switch {
		case arg == "":
			return nil, errors.New("an argument is empty")
		case strings.HasPrefix(arg, "@"):
			q.server = arg[1:]
		case strings.HasPrefix(arg, "+"):
			err = q.plus(arg[1:])
		case strings.HasPrefix(arg, "-"):
			value := arg[min(2, len(arg)):]
			if slices.Contains([]string{"-p", "-b", "-c", "-x", "-t", "-q"}, arg) {
				if i++; i == len(args) {
					return nil, fmt.Errorf("option %s needs a value", arg)
				}
				value = args[i]
			}
			err = q.option(arg, value)
		case q.kind == dns.TypeNone && q.setKind(arg) && (q.name != "" || i+1 < len(args)):
		case q.name == "":
			q.kind, q.name = resetKind(arg, q.kind), arg
		case !q.setKind(arg): // another name
			return append(options, args[i:]...), nil
		}
		if err != nil {
			return nil, err
		}
		if strings.ContainsRune("@+", rune(arg[0])) || arg[0] == '-' && !strings.ContainsRune("xqt", rune(arg[1])) {
			options = append(options, args[start:i+1]...)
		}
	}
	return nil, nil
}

// option reads an option such as -p PORT or -pPORT.
func (q *dig) option(arg, value string) error {
	switch arg {
	case "-h", "--help":
		return errors.New("help")
	case "-4", "-6":
		q.family = arg[1:]
		return nil
	}
	var err error
	switch arg[:min(2, len(arg))] {
	case "-p":
		q.port = value
	case "-b":
		if q.source = net.ParseIP(value); q.source == nil {
			err = fmt.Errorf("%q is no address", value)
		}
	case "-c":
		if dns.StringToClass[strings.ToUpper(value)] == 0 {
			return fmt.Errorf("unknown class %q", value)
		}
		q.setKind(value)
	case "-x":
		q.kind = dns.TypePTR
		q.name, err = dns.ReverseAddr(value)
	case "-t":
		if !q.setKind(value) {
			err = fmt.Errorf("unknown type %q", value)
		}
	case "-q":
		q.name = value
	default:
		err = fmt.Errorf("unknown option %s", arg)
	}
	return err
}

// resetKind undoes that a name such as "a" was taken for a type.
func resetKind(name string, kind uint16) uint16 {
	if t, ok := dns.StringToType[strings.ToUpper(name)]; ok && t == kind {
		return dns.TypeNone
	}
	return kind
}

func (q *dig) setKind(text string) bool {
	text = strings.ToUpper(text)
	if kind, ok := dns.StringToType[text]; ok {
		q.kind = kind
		return true
	}
	if class, ok := dns.StringToClass[text]; ok {
		q.class = class
		return true
	}
	return false
}

// parts are what an answer is printed in.
var parts = []string{"cmd", "comments", "question", "answer", "authority", "additional", "stats"}

// plus reads an option such as +short or +noall. One that is not known is refused: what it asks for would be missing.
func (q *dig) plus(option string) error {
	name, value, _ := strings.Cut(option, "=")
	plain, no := strings.CutPrefix(name, "no")
	switch plain {
	case "short":
		q.short = !no
		return nil
	case "tcp", "vc":
		q.tcp = !no
		return nil
	case "recurse", "rec", "rdflag":
		q.noRecursion = no
		return nil
	case "search":
		q.search = !no
		return nil
	case "dnssec", "do":
		q.dnssec = !no
		return nil
	case "edns":
		q.noEDNS = no
		return nil
	case "cd", "cdflag":
		q.checkingDisabled = !no
		return nil
	case "ad", "adflag":
		q.authenticated = !no
		return nil
	case "ignore":
		q.ignore = !no
		return nil
	case "identify":
		q.identify = !no
		return nil
	case "trace":
		q.trace = !no
		return nil
	case "cookie", "ttlid", "fail", "multiline", "keepopen", "qr":
		if no { // none of these is done anyway, but that TTLs are shown
			return nil
		}
	case "subnet":
		return q.setSubnet(value)
	}
	if plain == "all" || slices.Contains(parts, plain) {
		if q.hide == nil {
			q.hide = make(map[string]bool)
		}
		for _, part := range parts {
			if plain == "all" || plain == part {
				q.hide[part] = no
			}
		}
		return nil
	}
	switch name {
	case "bufsize":
		n, err := strconv.ParseUint(value, 10, 16)
		q.size = uint16(n)
		return err
	case "time", "timeout", "tries", "retry":
		n, err := strconv.Atoi(value)
		if err != nil || n < 0 {
			return fmt.Errorf("+%s needs a number", name)
		}
		switch {
		case strings.HasPrefix(name, "time"):
			q.timeout = time.Duration(max(1, n)) * time.Second
		case name == "retry":
			q.tries = n + 1
		default:
			q.tries = max(1, n)
		}
		return nil
	}
	return fmt.Errorf("+%s is not supported here", tool.Printable(name))
}

// setSubnet sets the client's network that the server is told.
func (q *dig) setSubnet(text string) error {
	if !strings.Contains(text, "/") {
		text += "/32"
		if strings.Contains(text, ":") {
			text = strings.TrimSuffix(text, "/32") + "/128"
		}
	}
	ip, network, err := net.ParseCIDR(text)
	if err != nil {
		return fmt.Errorf("+subnet=%s is no network", tool.Printable(text))
	}
	bits, _ := network.Mask.Size()
	q.subnet = &dns.EDNS0_SUBNET{Code: dns.EDNS0SUBNET, Family: 1, SourceNetmask: uint8(bits), Address: network.IP}
	if ip.To4() == nil {
		q.subnet.Family = 2
	}
	return nil
}
