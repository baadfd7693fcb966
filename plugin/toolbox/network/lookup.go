package network

import (
	"fmt"
	"strings"
	"time"

	"github.com/miekg/dns"

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/tool"
)

// Nslookup looks up addresses of a name, or names of an address.
func Nslookup(args []string) int { return lookup("nslookup", args) }

// Host is as Nslookup.
func Host(args []string) int { return lookup("host", args) }

func lookup(name string, args []string) int {
	f := tool.Flags(name, "[-t TYPE] NAME|ADDRESS [SERVER]")
	kind := f.StringP("type", "t", "", "the type of records; without, A and AAAA")
	port := "53"
	var words []string
	for _, arg := range args { // nslookup's options
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
	args = words
	if status, ok := tool.Parse(f, args); !ok {
		return status
	}
	if f.NArg() < 1 || f.NArg() > 2 {
		f.Usage()
		return tool.Usage
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
