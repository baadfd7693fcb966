package domain

import (
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/miekg/dns"

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/network/lookup"
	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/tool"
)

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
	switch {
	case q.trace:
		err = q.follow(list)
	case q.kind == dns.TypeAXFR:
		err = q.transfer(list[0])
	default:
		err = q.once(list, search)
	}
	if err != nil {
		tool.Complain("dig", err)
		return 9
	}
	return 0
}

func (q *dig) once(list, search []string) error {
	names := []string{dns.Fqdn(q.name)}
	if q.search && !strings.HasSuffix(q.name, ".") {
		for _, domain := range search {
			names = append(names, dns.Fqdn(q.name+"."+domain))
		}
	}
	for i, name := range names {
		answer, took, server, err := q.exchange(list, name)
		if err != nil {
			return err
		}
		if len(answer.Answer) > 0 || i == len(names)-1 {
			q.print(answer, took, server)
			break
		}
	}
	return nil
}

// message returns the query for a name.
func (q *dig) message(name string) *dns.Msg {
	m := new(dns.Msg)
	m.SetQuestion(name, q.kind)
	m.Question[0].Qclass = q.class
	m.RecursionDesired = !q.noRecursion
	m.CheckingDisabled, m.AuthenticatedData = q.checkingDisabled, q.authenticated
	if !q.noEDNS {
		m.SetEdns0(q.size, q.dnssec)
		if q.subnet != nil {
			m.IsEdns0().Option = append(m.IsEdns0().Option, q.subnet)
		}
	}
	return m
}

// client returns a client for udp or tcp.
func (q *dig) client(network string) *dns.Client {
	c := &dns.Client{Timeout: q.timeout, Net: network + q.family}
	if q.source != nil {
		c.Dialer = &net.Dialer{Timeout: q.timeout, LocalAddr: &net.UDPAddr{IP: q.source}}
		if network == "tcp" {
			c.Dialer.LocalAddr = &net.TCPAddr{IP: q.source}
		}
	}
	return c
}

func (q *dig) exchange(list []string, name string) (*dns.Msg, time.Duration, string, error) {
	m := q.message(name)
	network := "udp"
	if q.tcp {
		network = "tcp"
	}
	var last error
	for range q.tries {
		for _, server := range list {
			if err := canReach(server); err != nil {
				return nil, 0, "", err
			}
			at := net.JoinHostPort(server, q.port)
			answer, took, err := q.client(network).Exchange(m, at)
			if err == nil && answer.Truncated && !q.tcp && !q.ignore {
				answer, took, err = q.client("tcp").Exchange(m, at)
			}
			if err == nil {
				return answer, took, at, nil
			}
			last = fmt.Errorf("%s: %w", at, err)
		}
	}
	return nil, 0, "", last
}

// canReach reports why a server cannot be reached: its name would have to be looked up.
func canReach(server string) error {
	if net.ParseIP(server) != nil {
		return nil
	}
	return lookup.CheckFiles()
}

// transfer prints a whole zone.
func (q *dig) transfer(server string) error {
	at := net.JoinHostPort(server, q.port)
	if err := canReach(server); err != nil {
		return err
	}
	t := &dns.Transfer{DialTimeout: q.timeout, ReadTimeout: q.timeout}
	m := new(dns.Msg)
	m.SetAxfr(dns.Fqdn(q.name))
	envelopes, err := t.In(m, at)
	if err != nil {
		return fmt.Errorf("%s: %w", at, err)
	}
	for e := range envelopes {
		if e.Error != nil {
			return fmt.Errorf("%s: transfer of the zone: %w", at, e.Error)
		}
		for _, r := range e.RR {
			tool.Println(shown(r.String()))
		}
	}
	return nil
}

// follow asks the servers of the root, then those that they name, and so on, as +trace does.
func (q *dig) follow(resolvers []string) error {
	const most = 30 // steps
	root := &dig{port: q.port, kind: dns.TypeNS, class: q.class, timeout: q.timeout, tries: q.tries, size: q.size, family: q.family}
	answer, took, server, err := root.exchange(resolvers, ".")
	if err != nil {
		return err
	}
	step := *q
	step.noRecursion = true
	records := answer.Answer
	for range most {
		for _, r := range records {
			tool.Println(shown(r.String()))
		}
		tool.Printf(";; Received %d bytes from %s in %d ms\n\n", answer.Len(), serverName(server), took.Milliseconds())
		if answer.Authoritative && (len(answer.Answer) > 0 || answer.Rcode != dns.RcodeSuccess) {
			return nil
		}
		addresses, names := root.named(records, answer.Extra, resolvers)
		if names == 0 {
			return nil
		}
		if len(addresses) == 0 {
			return errors.New("the name servers have no address")
		}
		if answer, took, server, err = step.exchange(addresses, dns.Fqdn(q.name)); err != nil {
			return err
		}
		if records = answer.Answer; len(records) == 0 {
			records = answer.Ns
		}
	}
	return errors.New("too many steps")
}

// named returns addresses of the name servers in some records, and how many servers were looked at.
func (q *dig) named(records, extra []dns.RR, resolvers []string) (addresses []string, names int) {
	for _, r := range records {
		if ns, ok := r.(*dns.NS); ok {
			names++
			addresses = append(addresses, q.addresses(ns.Ns, extra, resolvers)...)
		}
		if len(addresses) > 2 {
			break
		}
	}
	return addresses, names
}

// addresses returns a name server's IPv4 addresses, from the answer that named it or from the resolvers.
func (q *dig) addresses(name string, extra []dns.RR, resolvers []string) (list []string) {
	for _, r := range extra {
		if a, ok := r.(*dns.A); ok && strings.EqualFold(a.Hdr.Name, name) {
			list = append(list, a.A.String())
		}
	}
	if len(list) > 0 {
		return list
	}
	ask := *q
	ask.kind = dns.TypeA
	answer, _, _, err := ask.exchange(resolvers, name)
	if err != nil {
		return nil
	}
	for _, r := range answer.Answer {
		if a, ok := r.(*dns.A); ok {
			list = append(list, a.A.String())
		}
	}
	return list
}
