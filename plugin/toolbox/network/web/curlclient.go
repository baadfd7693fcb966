package web

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"log"
	"maps"
	"net"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/network/certs"
	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/network/lookup"
	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/tool"
)

// versions are those of TLS.
var versions = map[string]uint16{"1.0": tls.VersionTLS10, "1.1": tls.VersionTLS11, "1.2": tls.VersionTLS12, "1.3": tls.VersionTLS13, "default": tls.VersionTLS13}

// tls returns what the options say of TLS. secure says whether certificates may have to be verified.
func (c *curl) tls(secure bool) (*tls.Config, error) {
	config := &tls.Config{InsecureSkipVerify: c.insecure} //nolint:gosec // what -k is for
	switch {
	case c.tls13:
		config.MinVersion = tls.VersionTLS13
	case c.tls10:
		config.MinVersion = tls.VersionTLS10
	case c.tls11:
		config.MinVersion = tls.VersionTLS11
	}
	if c.tlsMax != "" {
		highest := versions[c.tlsMax]
		if highest == 0 {
			return nil, fmt.Errorf("--tls-max %s is unknown: 1.0, 1.1, 1.2 or 1.3", tool.Printable(c.tlsMax))
		}
		config.MaxVersion = highest
		if config.MinVersion = min(config.MinVersion, highest); config.MinVersion == 0 {
			config.MinVersion = min(tls.VersionTLS12, highest)
		}
	}
	switch {
	case c.ca == "" && secure && !c.insecure:
		config.RootCAs = certs.SystemRoots()
	case c.ca != "":
		text, err := os.ReadFile(c.ca)
		if err != nil {
			return nil, tool.Reason(err)
		}
		config.RootCAs = x509.NewCertPool()
		config.RootCAs.AppendCertsFromPEM(text)
	}
	if c.cert == "" {
		return config, nil
	}
	pair, err := tls.LoadX509KeyPair(c.cert, cmp.Or(c.key, c.cert))
	config.Certificates = []tls.Certificate{pair}
	return config, tool.Reason(err)
}

// client returns a client. secure says whether certificates may have to be verified.
func (c *curl) client(secure bool) (*http.Client, error) {
	config, err := c.tls(secure)
	if err != nil {
		return nil, err
	}
	log.SetOutput(io.Discard) // where net/http says that a server has sent something before it was asked
	transport := &http.Transport{
		Proxy: c.proxyOf(http.ProxyFromEnvironment), DialContext: c.dial, TLSClientConfig: config, ForceAttemptHTTP2: !c.http1,
		DisableCompression: !c.compressed, TLSHandshakeTimeout: time.Duration(c.connectTimeout * float64(time.Second)),
	}
	if c.plainHTTP2 {
		transport.Protocols = new(http.Protocols)
		transport.Protocols.SetUnencryptedHTTP2(true)
		transport.Protocols.SetHTTP2(true)
	}
	if c.proxy != "" {
		if !strings.Contains(c.proxy, "://") {
			c.proxy = "http://" + c.proxy
		}
		proxy, err := url.Parse(c.proxy)
		if err != nil {
			return nil, err
		}
		transport.Proxy = c.proxyOf(http.ProxyURL(proxy))
	}
	return &http.Client{Transport: c.traced(transport), CheckRedirect: func(to *http.Request, via []*http.Request) error {
		switch {
		case !c.location:
			return http.ErrUseLastResponse
		case to.URL.Scheme != "http" && to.URL.Scheme != "https", !allows(c.protocols, to.URL.Scheme):
			return errProtocol
		case len(via) > c.maxRedirects && c.maxRedirects >= 0:
			return errRedirects
		}
		c.withhold(to, via[0])
		c.result.redirects++
		c.times.redirected = time.Now()
		return nil
	}}, nil
}

// withhold takes what is meant for one server out of a request that another one has asked for: other ports and protocols of
// a host are other servers. Cookies of -b are for all servers of the host.
func (c *curl) withhold(to, first *http.Request) {
	port := func(u *url.URL) string {
		return cmp.Or(u.Port(), map[string]string{"http": "80", "https": "443"}[u.Scheme])
	}
	sameHost := strings.EqualFold(to.URL.Hostname(), first.URL.Hostname())
	if sameHost && to.URL.Scheme == first.URL.Scheme && port(to.URL) == port(first.URL) {
		return
	}
	to.Header.Del("Authorization")
	to.Header.Del("Cookie")
	if sameHost && c.cookie != "" {
		to.Header.Set("Cookie", c.cookie)
	}
}

// proxyOf leaves the proxy out for the hosts of --noproxy: names, with all below them, or addresses.
func (c *curl) proxyOf(proxy func(*http.Request) (*url.URL, error)) func(*http.Request) (*url.URL, error) {
	return func(r *http.Request) (*url.URL, error) {
		host := strings.ToLower(r.URL.Hostname())
		for name := range strings.SplitSeq(strings.ToLower(c.noProxy), ",") {
			name = strings.TrimPrefix(strings.TrimSpace(name), ".")
			if name == "*" || name != "" && (host == name || strings.HasSuffix(host, "."+name)) {
				return nil, nil
			}
		}
		return proxy(r)
	}
}

func (c *curl) dial(ctx context.Context, network, address string) (net.Conn, error) {
	network, address = c.target(network, address)
	dialer := net.Dialer{Timeout: time.Duration(c.connectTimeout * float64(time.Second))}
	if c.local != "" && c.socket == "" {
		ip := net.ParseIP(c.local)
		if ip == nil {
			return nil, fmt.Errorf("--interface %s: an address is needed", tool.Printable(c.local))
		}
		dialer.LocalAddr = &net.TCPAddr{IP: ip}
	}
	// A redirection may lead to a name, too.
	if host, _, err := net.SplitHostPort(address); c.socket == "" && (err != nil || net.ParseIP(host) == nil) {
		if err := lookup.CheckFiles(); err != nil {
			return nil, fmt.Errorf("%w: %w", errNames, err)
		}
	}
	conn, err := dialer.DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	if c.idle > 0 {
		conn = patient{conn, time.Duration(c.idle * float64(time.Second))}
	}
	c.dialed, c.result.local = conn.RemoteAddr().String(), conn.LocalAddr().String()
	c.result.connects++
	if c.verbose {
		fmt.Fprintf(os.Stderr, "* Connected to %s\n", tool.Printable(c.dialed))
	}
	return conn, nil
}

// target returns what to connect to for an address of a URL.
func (c *curl) target(network, address string) (realNetwork, realAddress string) {
	switch {
	case c.socket != "":
		network, address = "unix", c.socket
	case c.four:
		network = "tcp4"
	case c.six:
		network = "tcp6"
	}
	for _, entry := range c.resolve {
		parts := strings.SplitN(strings.TrimPrefix(entry, "+"), ":", 3)
		if len(parts) == 3 && net.JoinHostPort(parts[0], parts[1]) == address {
			address = net.JoinHostPort(strings.Trim(parts[2], "[]"), parts[1])
		}
	}
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return network, address
	}
	for _, entry := range c.connectTo {
		from, to := splitPairs(entry)
		if (from[0] == "" || from[0] == host) && (from[1] == "" || from[1] == port) {
			return network, net.JoinHostPort(cmp.Or(to[0], host), cmp.Or(to[1], port))
		}
	}
	return network, address
}

// patient is a connection whose data is waited for so long.
type patient struct {
	net.Conn
	limit time.Duration
}

func (p patient) Read(b []byte) (int, error) {
	_ = p.SetReadDeadline(time.Now().Add(p.limit))
	return p.Conn.Read(b)
}

// splitPairs splits HOST1:PORT1:HOST2:PORT2. A host may be an IPv6 address in brackets, and each part empty.
func splitPairs(text string) (from, to [2]string) {
	var parts []string
	for range 4 {
		end := strings.IndexByte(text, ':')
		if strings.HasPrefix(text, "[") {
			end = strings.IndexByte(text, ']') + 1
		}
		part := text
		if end >= 0 {
			part, text = text[:end], strings.TrimPrefix(text[end:], ":")
		} else {
			text = ""
		}
		parts = append(parts, strings.Trim(part, "[]"))
	}
	return [2]string{parts[0], parts[1]}, [2]string{parts[2], parts[3]}
}

// tracing prints requests and answers for -v.
type tracing struct {
	http.RoundTripper
	c *curl
}

func (c *curl) traced(transport http.RoundTripper) http.RoundTripper {
	if c.verbose {
		return tracing{transport, c}
	}
	return transport
}

func (t tracing) RoundTrip(r *http.Request) (*http.Response, error) {
	host := r.Host
	if host == "" {
		host = r.URL.Host
	}
	fmt.Fprintf(os.Stderr, "> %s %s HTTP/1.1\n> Host: %s\n", tool.Printable(r.Method), tool.Printable(r.URL.RequestURI()), tool.Printable(host))
	printHeader(os.Stderr, "> ", r.Header)
	fmt.Fprintln(os.Stderr, ">")
	response, err := t.RoundTripper.RoundTrip(r)
	if err == nil {
		if s := response.TLS; s != nil {
			fmt.Fprintf(os.Stderr, "* %s, %s\n", tls.VersionName(s.Version), tls.CipherSuiteName(s.CipherSuite))
			if len(s.PeerCertificates) > 0 {
				fmt.Fprintf(os.Stderr, "* certificate of %s until %s\n", tool.Printable(s.PeerCertificates[0].Subject.String()), s.PeerCertificates[0].NotAfter.Format(time.DateOnly))
			}
		}
		fmt.Fprintf(os.Stderr, "< %s %s\n", response.Proto, tool.Printable(response.Status))
		printHeader(os.Stderr, "< ", response.Header)
		fmt.Fprintln(os.Stderr, "<")
	}
	return response, err
}

func printHeader(to io.Writer, mark string, header http.Header) {
	for _, name := range slices.Sorted(maps.Keys(header)) {
		for _, value := range header[name] {
			fmt.Fprintf(to, "%s%s: %s\n", mark, tool.Printable(name), tool.Printable(value))
		}
	}
}
