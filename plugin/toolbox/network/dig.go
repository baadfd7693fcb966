package network

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/miekg/dns"

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/accounts"
	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/tool"
)

// dig is a query with its options.
type dig struct {
	server, port, name   string
	kind, class          uint16
	short, tcp, noAnswer bool
	noComments, dnssec   bool
	noRecursion, trace   bool
	search               bool
	timeout              time.Duration
	tries                int
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

const digUsage = "usage: dig [@SERVER] [-p PORT] [-x ADDRESS] [-t TYPE] [NAME] [TYPE] [+short] [+tcp] [+norecurse] [+search] [+dnssec] [+time=SECONDS] [+tries=N] [+noall +answer]"

// Dig asks name servers.
func Dig(args []string) int {
	q := &dig{port: "53", kind: dns.TypeNone, class: dns.ClassINET, timeout: 5 * time.Second, tries: 3}
	if err := q.parse(args); err != nil {
		fmt.Fprintf(os.Stderr, "dig: %v\n%s\n", err, digUsage)
		return 1
	}
	if q.kind == dns.TypeNone {
		q.kind = dns.TypeA
	}
	if q.name == "" {
		q.name, q.kind = ".", dns.TypeNS
	}
	return q.ask()
}

func (q *dig) parse(args []string) error {
	for i := 0; i < len(args); i++ {
		arg := args[i]
		value := func() (string, error) {
			if len(arg) > 2 {
				return arg[2:], nil
			}
			if i++; i == len(args) {
				return "", fmt.Errorf("option %s needs a value", arg)
			}
			return args[i], nil
		}
		var text string
		var err error
		switch {
		case strings.HasPrefix(arg, "@"):
			q.server = arg[1:]
		case strings.HasPrefix(arg, "+"):
			err = q.plus(arg[1:])
		case arg == "-h" || arg == "--help":
			return errors.New("help")
		case arg == "-4" || arg == "-6":
		case strings.HasPrefix(arg, "-p"):
			q.port, err = value()
		case strings.HasPrefix(arg, "-x"):
			if text, err = value(); err == nil {
				q.kind = dns.TypePTR
				q.name, err = dns.ReverseAddr(text)
			}
		case strings.HasPrefix(arg, "-t"):
			if text, err = value(); err == nil && !q.setKind(text) {
				err = fmt.Errorf("unknown type %q", text)
			}
		case strings.HasPrefix(arg, "-q"):
			q.name, err = value()
		case strings.HasPrefix(arg, "-"):
			err = fmt.Errorf("unknown option %s", arg)
		case q.kind == dns.TypeNone && q.setKind(arg) && (q.name != "" || i+1 < len(args)):
		case q.name == "":
			q.kind, q.name = resetKind(arg, q.kind), arg
		case !q.setKind(arg):
			err = fmt.Errorf("unknown type %q", arg)
		}
		if err != nil {
			return err
		}
	}
	return nil
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

func (q *dig) plus(option string) error {
	name, value, _ := strings.Cut(option, "=")
	switch name {
	case "short":
		q.short = true
	case "tcp", "vc":
		q.tcp = true
	case "norecurse", "norec":
		q.noRecursion = true
	case "search":
		q.search = true
	case "dnssec", "do":
		q.dnssec = true
	case "noall", "nocomments", "nocmd", "nostats":
		q.noComments = true
	case "noanswer":
		q.noAnswer = true
	case "time", "timeout", "tries", "retry":
		n, err := strconv.Atoi(value)
		if err != nil || n < 0 {
			return fmt.Errorf("+%s needs a number", name)
		}
		if strings.HasPrefix(name, "time") {
			q.timeout = time.Duration(max(1, n)) * time.Second
		} else {
			q.tries = max(1, n)
		}
	}
	return nil
}

// ask asks the servers in turn, for the name and with +search also in the domains of the search list.
func (q *dig) ask() int {
	list, search, err := servers()
	if q.server != "" {
		list = []string{q.server}
		err = nil
	}
	if err != nil {
		tool.Complain("dig", fmt.Errorf("%w: name a server with @", err))
		return 9
	}
	names := []string{dns.Fqdn(q.name)}
	if q.search && !strings.HasSuffix(q.name, ".") {
		for _, domain := range search {
			names = append(names, dns.Fqdn(q.name+"."+domain))
		}
	}
	var answer *dns.Msg
	for _, name := range names {
		var took time.Duration
		var server string
		if answer, took, server, err = q.exchange(list, name); err != nil {
			tool.Complain("dig", err)
			return 9
		}
		if len(answer.Answer) > 0 || name == names[len(names)-1] {
			q.print(answer, took, server)
			break
		}
	}
	return 0
}

func (q *dig) exchange(list []string, name string) (*dns.Msg, time.Duration, string, error) {
	m := new(dns.Msg)
	m.SetQuestion(name, q.kind)
	m.Question[0].Qclass = q.class
	m.RecursionDesired = !q.noRecursion
	m.SetEdns0(1232, q.dnssec)
	client := &dns.Client{Timeout: q.timeout}
	if q.tcp {
		client.Net = "tcp"
	}
	var last error
	for range q.tries {
		for _, server := range list {
			if net.ParseIP(server) == nil {
				if err := CheckFiles(); err != nil {
					return nil, 0, "", err
				}
			}
			at := net.JoinHostPort(server, q.port)
			answer, took, err := client.Exchange(m, at)
			if err == nil && answer.Truncated && !q.tcp {
				answer, took, err = (&dns.Client{Timeout: q.timeout, Net: "tcp"}).Exchange(m, at)
			}
			if err == nil {
				return answer, took, at, nil
			}
			last = fmt.Errorf("%s: %w", at, err)
		}
	}
	return nil, 0, "", last
}

func (q *dig) print(m *dns.Msg, took time.Duration, server string) {
	switch {
	case q.short:
		for _, r := range m.Answer {
			fmt.Println(tool.Printable(strings.TrimPrefix(r.String(), r.Header().String())))
		}
	case q.noComments:
		for _, r := range m.Answer {
			fmt.Println(r)
		}
	default:
		fmt.Println(m)
		fmt.Printf("\n;; Query time: %d msec\n;; SERVER: %s\n;; WHEN: %s\n;; MSG SIZE  rcvd: %d\n",
			took.Milliseconds(), server, time.Now().Format(time.UnixDate), m.Len())
	}
}

// Nslookup looks up addresses of a name, or names of an address.
func Nslookup(args []string) int { return lookup("nslookup", args) }

// Host is as Nslookup.
func Host(args []string) int { return lookup("host", args) }

func lookup(name string, args []string) int {
	f := tool.Flags(name, "[-t TYPE] NAME|ADDRESS [SERVER]")
	kind := f.StringP("type", "t", "", "the type of records; without, A and AAAA")
	for i := range args {
		if rest, ok := strings.CutPrefix(args[i], "-type="); ok {
			args[i] = "--type=" + rest
		}
	}
	if status, ok := tool.Parse(f, args); !ok {
		return status
	}
	if f.NArg() < 1 || f.NArg() > 2 {
		f.Usage()
		return tool.Usage
	}
	q := &dig{port: "53", class: dns.ClassINET, timeout: 5 * time.Second, tries: 2, server: f.Arg(1), name: f.Arg(0)}
	kinds := []uint16{dns.TypeA, dns.TypeAAAA}
	if *kind != "" {
		if !q.setKind(*kind) {
			return tool.Complain(name, fmt.Errorf("unknown type %q", *kind))
		}
		kinds = []uint16{q.kind}
	}
	if reverse, err := dns.ReverseAddr(q.name); err == nil {
		q.name, kinds = reverse, []uint16{dns.TypePTR}
	}
	list, search, err := servers()
	if q.server != "" {
		list = []string{q.server}
	} else if err != nil {
		return tool.Complain(name, err)
	}
	names := []string{dns.Fqdn(q.name)}
	if !strings.HasSuffix(q.name, ".") && !strings.Contains(q.name, ".") {
		for _, domain := range search {
			names = append(names, dns.Fqdn(q.name+"."+domain))
		}
	}
	fmt.Printf("Server: %s\n\n", strings.Join(list, ", "))
	found := false
	for _, full := range names {
		for _, k := range kinds {
			q.kind = k
			answer, _, _, err := q.exchange(list, full)
			if err != nil {
				return tool.Complain(name, err)
			}
			for _, r := range answer.Answer {
				found = true
				fmt.Printf("%s %s %s\n", strings.TrimSuffix(r.Header().Name, "."), dns.TypeToString[r.Header().Rrtype],
					tool.Printable(strings.TrimPrefix(r.String(), r.Header().String())))
			}
			if len(answer.Answer) == 0 && answer.Rcode != dns.RcodeSuccess {
				fmt.Printf("%s: %s\n", full, dns.RcodeToString[answer.Rcode])
			}
		}
		if found {
			return 0
		}
	}
	if !found {
		fmt.Printf("%s: no records\n", tool.Printable(f.Arg(0)))
	}
	return 1
}
