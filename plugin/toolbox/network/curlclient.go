package network

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/tool"
)

// client returns a client. secure says whether certificates may have to be verified.
func (c *curl) client(secure bool) (*http.Client, error) {
	config := &tls.Config{InsecureSkipVerify: c.insecure} //nolint:gosec // what -k is for
	if c.tls13 {
		config.MinVersion = tls.VersionTLS13
	}
	switch {
	case c.ca == "" && secure && !c.insecure:
		config.RootCAs = systemRoots()
	case c.ca != "":
		text, err := os.ReadFile(c.ca)
		if err != nil {
			return nil, tool.Reason(err)
		}
		config.RootCAs = x509.NewCertPool()
		config.RootCAs.AppendCertsFromPEM(text)
	}
	if c.cert != "" {
		key := c.key
		if key == "" {
			key = c.cert
		}
		pair, err := tls.LoadX509KeyPair(c.cert, key)
		if err != nil {
			return nil, tool.Reason(err)
		}
		config.Certificates = []tls.Certificate{pair}
	}
	transport := &http.Transport{
		Proxy: c.proxyOf(http.ProxyFromEnvironment), DialContext: c.dial, TLSClientConfig: config, ForceAttemptHTTP2: !c.http1,
		DisableCompression: !c.compressed, TLSHandshakeTimeout: time.Duration(c.connectTimeout * float64(time.Second)),
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
	return &http.Client{Transport: c.traced(transport), CheckRedirect: func(_ *http.Request, via []*http.Request) error {
		switch {
		case !c.location:
			return http.ErrUseLastResponse
		case len(via) > c.maxRedirects:
			return errRedirects
		}
		return nil
	}}, nil
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
	dialer := net.Dialer{Timeout: time.Duration(c.connectTimeout * float64(time.Second))}
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
	conn, err := dialer.DialContext(ctx, network, address)
	if err == nil {
		c.dialed = conn.RemoteAddr().String()
		if c.verbose {
			fmt.Fprintf(os.Stderr, "* Connected to %s\n", c.dialed)
		}
	}
	return conn, err
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
	fmt.Fprintf(os.Stderr, "> %s %s HTTP/1.1\n> Host: %s\n", r.Method, r.URL.RequestURI(), host)
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
		fmt.Fprintf(os.Stderr, "< %s %s\n", response.Proto, response.Status)
		printHeader(os.Stderr, "< ", response.Header)
		fmt.Fprintln(os.Stderr, "<")
	}
	return response, err
}

func printHeader(to io.Writer, mark string, header http.Header) {
	for name, values := range header {
		for _, value := range values {
			fmt.Fprintf(to, "%s%s: %s\n", mark, name, tool.Printable(value))
		}
	}
}
