package domain

import (
	"fmt"
	"strings"
	"time"

	"github.com/miekg/dns"

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/tool"
)

// Nslookup looks up addresses of a name, or names of an address.
func Nslookup(args []string) int { return look("nslookup", args) }

// Host is as Nslookup.
func Host(args []string) int { return look("host", args) }

func look(name string, args []string) int {
	f := tool.Flags(name, "[-t TYPE] NAME|ADDRESS [SERVER]")
	kind := f.StringP("type", "t", "", "the type of records; without, A and AAAA")
	words, port := longOptions(args)
	if status, ok := tool.Parse(f, words); !ok {
		return status
	}
	if f.NArg() < 1 || f.NArg() > 2 {
		return tool.Misused(f)
	}
	q := &dig{port: port, class: dns.ClassINET, timeout: 5 * time.Second, tries: 2, server: f.Arg(1), name: f.Arg(0)}
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
	tool.Printf("Server: %s\n\n", tool.Printable(strings.Join(list, ", ")))
	for _, full := range q.candidates(search) {
		found, err := q.records(list, full, kinds)
		if err != nil {
			return tool.Complain(name, err)
		}
		if found {
			return 0
		}
	}
	tool.Printf("%s: no records\n", tool.Printable(f.Arg(0)))
	return 1
}

// longOptions writes nslookup's options in the form that package pflag knows, and takes out the port.
func longOptions(args []string) (words []string, port string) {
	port = "53"
	for _, arg := range args {
		option, value, _ := strings.Cut(arg, "=")
		switch option {
		case "-type", "-ty", "-q", "-querytype", "-query", "-qt":
			words = append(words, "--type="+value)
		case "-port", "-po":
			port = value
		default:
			words = append(words, arg)
		}
	}
	return words, port
}

// candidates returns the names to look up: one without a dot may be of a domain of the search list.
func (q *dig) candidates(search []string) []string {
	names := []string{dns.Fqdn(q.name)}
	if !strings.Contains(q.name, ".") {
		for _, domain := range search {
			names = append(names, dns.Fqdn(q.name+"."+domain))
		}
	}
	return names
}

// records prints the records of a name, and reports whether there are any.
func (q *dig) records(list []string, name string, kinds []uint16) (found bool, err error) {
	for _, k := range kinds {
		q.kind = k
		answer, _, _, err := q.exchange(list, name)
		if err != nil {
			return found, err
		}
		for _, r := range answer.Answer {
			found = true
			tool.Printf("%s %s %s\n", tool.Printable(strings.TrimSuffix(r.Header().Name, ".")), dns.Type(r.Header().Rrtype),
				tool.Printable(strings.TrimPrefix(r.String(), r.Header().String())))
		}
		if len(answer.Answer) == 0 && answer.Rcode != dns.RcodeSuccess {
			tool.Printf("%s: %s\n", tool.Printable(name), dns.RcodeToString[answer.Rcode])
		}
	}
	return found, nil
}
