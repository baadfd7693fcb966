package network

import (
	"errors"
	"fmt"
	"net"
	"os"
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
	family              string          // 4, 6 or either
	hide                map[string]bool // parts that are not printed
	timeout             time.Duration
	tries               int
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

const digUsage = "usage: dig [@SERVER] [-p PORT] [-x ADDRESS] [-t TYPE] [NAME] [TYPE] [+short] [+tcp] [+norecurse] [+search] [+dnssec] [+time=SECONDS] [+tries=N] [+noall] [+answer] and the other parts"

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
			q.family = arg[1:]
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
	client := &dns.Client{Timeout: q.timeout, Net: "udp" + q.family}
	if q.tcp {
		client.Net = "tcp" + q.family
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
				answer, took, err = (&dns.Client{Timeout: q.timeout, Net: "tcp" + q.family}).Exchange(m, at)
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
	if q.short {
		for _, r := range m.Answer {
			fmt.Println(tool.Printable(strings.TrimPrefix(r.String(), r.Header().String())))
		}
		return
	}
	comments := !q.hide["comments"]
	if comments {
		fmt.Printf("%s QUERY: %d, ANSWER: %d, AUTHORITY: %d, ADDITIONAL: %d\n", m.MsgHdr.String(), len(m.Question), len(m.Answer), len(m.Ns), len(m.Extra))
		if opt := m.IsEdns0(); opt != nil {
			fmt.Println(strings.TrimRight(opt.String(), "\n"))
		}
	}
	section := func(part, title string, records []dns.RR) {
		if q.hide[part] || len(records) == 0 {
			return
		}
		if comments {
			fmt.Printf("\n;; %s SECTION:\n", title)
		}
		for _, r := range records {
			if _, isOpt := r.(*dns.OPT); !isOpt {
				fmt.Println(tool.Printable(strings.ReplaceAll(r.String(), "\t", " ")))
			}
		}
	}
	if !q.hide["question"] {
		if comments {
			fmt.Println("\n;; QUESTION SECTION:")
		}
		for _, question := range m.Question {
			fmt.Println(tool.Printable(strings.ReplaceAll(question.String(), "\t", " ")))
		}
	}
	section("answer", "ANSWER", m.Answer)
	section("authority", "AUTHORITY", m.Ns)
	section("additional", "ADDITIONAL", m.Extra)
	if !q.hide["stats"] {
		fmt.Printf("\n;; Query time: %d msec\n;; SERVER: %s\n;; WHEN: %s\n;; MSG SIZE  rcvd: %d\n",
			took.Milliseconds(), server, time.Now().Format(time.UnixDate), m.Len())
	}
}
