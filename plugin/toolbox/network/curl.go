package network

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/tool"
)

// curl is a call of curl.
type curl struct {
	method, user, agent, referer, proxy, socket, writeOut, ca, cert, key, upload, cookie, dump   string
	outputs, headers, data, dataRaw, dataBinary, dataURL, dataJSON, forms, resolve               []string
	include, head, location, silent, showError, insecure, fail, verbose, get, remote, compressed bool
	tls12, tls13, http1, http2, four, six, globoff                                               bool
	maxTime, connectTimeout                                                                      float64
	retries, maxRedirects                                                                        int

	noProxy, output string
	serverHeaders   bool   // of wget: headers to stderr
	dialed          string // the address of the last connection
	made            bool   // the output file was made by this transfer
	status          int
	times           timing
}

// The exit statuses that scripts know.
const (
	curlMalformed = 3
	curlResolve   = 6
	curlConnect   = 7
	curlHTTP      = 22
	curlWrite     = 23
	curlTimeout   = 28
	curlTLS       = 35
	curlRedirects = 47
	curlVerify    = 60
)

func (c *curl) flags(f *pflag.FlagSet) {
	f.StringVarP(&c.method, "request", "X", "", "the method")
	f.StringArrayVarP(&c.headers, "header", "H", nil, "a header")
	f.StringArrayVarP(&c.data, "data", "d", nil, "data to post; @FILE is a file's")
	f.StringArrayVar(&c.dataRaw, "data-raw", nil, "data to post")
	f.StringArrayVar(&c.dataBinary, "data-binary", nil, "data to post, with newlines of files")
	f.StringArrayVar(&c.dataURL, "data-urlencode", nil, "data to encode and post")
	f.StringArrayVar(&c.dataJSON, "json", nil, "data to post as JSON")
	f.StringArrayVarP(&c.forms, "form", "F", nil, "a field of a form; NAME=@FILE is a file")
	f.StringVarP(&c.upload, "upload-file", "T", "", "a file to put")
	f.BoolVarP(&c.get, "get", "G", false, "data is a query")
	f.BoolVarP(&c.head, "head", "I", false, "headers only")
	f.BoolVarP(&c.include, "include", "i", false, "headers too")
	f.BoolVarP(&c.location, "location", "L", false, "follow redirections")
	f.IntVar(&c.maxRedirects, "max-redirs", 50, "redirections to follow")
	f.StringArrayVarP(&c.outputs, "output", "o", nil, "a file to write: the first is the first URL's, and so on")
	f.BoolVarP(&c.remote, "remote-name", "O", false, "write a file of the URL's name")
	f.StringVarP(&c.dump, "dump-header", "D", "", "a file for headers")
	f.BoolVarP(&c.silent, "silent", "s", false, "no messages")
	f.BoolVarP(&c.showError, "show-error", "S", false, "messages in spite of -s")
	f.BoolVarP(&c.fail, "fail", "f", false, "fail for statuses of 400 and more")
	f.BoolVarP(&c.verbose, "verbose", "v", false, "print what is sent and received")
	f.BoolVarP(&c.insecure, "insecure", "k", false, "accept any certificate")
	f.StringVar(&c.ca, "cacert", "", "a file of certificates to trust")
	f.StringVarP(&c.cert, "cert", "E", "", "a file with the client's certificate")
	f.StringVar(&c.key, "key", "", "a file with its key")
	f.StringVarP(&c.user, "user", "u", "", "USER:PASSWORD")
	f.StringVarP(&c.agent, "user-agent", "A", "curl (docker nsjoin)", "the name to send")
	f.StringVarP(&c.referer, "referer", "e", "", "the referer to send")
	f.StringVarP(&c.cookie, "cookie", "b", "", "cookies to send, as NAME=VALUE")
	f.StringVarP(&c.proxy, "proxy", "x", "", "a proxy")
	f.StringVar(&c.noProxy, "noproxy", "", "hosts that are asked without a proxy; * is all")
	f.StringVar(&c.socket, "unix-socket", "", "a UNIX socket to connect to")
	f.StringArrayVar(&c.resolve, "resolve", nil, "HOST:PORT:ADDRESS to use")
	f.Float64VarP(&c.maxTime, "max-time", "m", 0, "seconds that all may take")
	f.Float64Var(&c.connectTimeout, "connect-timeout", 30, "seconds that connecting may take")
	f.StringVarP(&c.writeOut, "write-out", "w", "", "what to print at the end, such as %{http_code}")
	f.IntVar(&c.retries, "retry", 0, "tries after an error that may pass")
	f.BoolVar(&c.compressed, "compressed", false, "ask for compression")
	f.BoolVar(&c.tls12, "tlsv1.2", false, "TLS 1.2 or later (the default)")
	f.BoolVar(&c.tls13, "tlsv1.3", false, "TLS 1.3")
	f.BoolVar(&c.http1, "http1.1", false, "HTTP/1.1")
	f.BoolVar(&c.http2, "http2", false, "HTTP/2, as by default with TLS")
	f.BoolVarP(&c.four, "ipv4", "4", false, "IPv4")
	f.BoolVarP(&c.six, "ipv6", "6", false, "IPv6")
	f.BoolVarP(&c.globoff, "globoff", "g", false, "no ranges in URLs (the default)")
	f.BoolP("no-buffer", "N", false, "write at once (the default)")
	f.BoolP("progress-bar", "#", false, "no bar is shown")
	f.Bool("fail-with-body", false, "as -f, with the answer")
	f.StringArray("url", nil, "a URL")
}

// Curl transfers URLs of HTTP and HTTPS.
func Curl(args []string) int {
	c := &curl{}
	f := tool.Flags("curl", "[OPTIONS] URL...")
	c.flags(f)
	if status, ok := tool.Parse(f, args); !ok {
		return status
	}
	urls, _ := f.GetStringArray("url")
	urls = append(urls, f.Args()...)
	if len(urls) == 0 {
		f.Usage()
		return tool.Usage
	}
	withBody, _ := f.GetBool("fail-with-body")
	status := 0
	if c.cookie != "" && !strings.Contains(c.cookie, "=") {
		fmt.Fprintln(os.Stderr, "curl: a file of cookies is not supported: -b NAME=VALUE")
		return tool.Usage
	}
	for i, text := range urls {
		c.output = ""
		if i < len(c.outputs) {
			c.output = c.outputs[i]
		}
		err := c.transfer(text, withBody)
		for try := 0; err != nil && try < c.retries && c.status != curlHTTP; try++ {
			time.Sleep(time.Second << min(try, 5))
			err = c.transfer(text, withBody)
		}
		if err != nil {
			status = c.status
			if !c.silent || c.showError {
				fmt.Fprintf(os.Stderr, "curl: (%d) %v\n", c.status, err)
			}
		}
	}
	return status
}

// broken sets the exit status that an error stands for.
func (c *curl) broken(err error) error {
	var dnsError *net.DNSError
	var timeout interface{ Timeout() bool }
	var unknown x509.UnknownAuthorityError
	var name x509.HostnameError
	var invalid x509.CertificateInvalidError
	var operation *net.OpError
	var wrapped *url.Error
	if errors.As(err, &wrapped) {
		defer func() { c.status = max(c.status, 1) }()
	}
	switch {
	case errors.As(err, &dnsError):
		c.status = curlResolve
	case errors.As(err, &timeout) && timeout.Timeout(), errors.Is(err, context.DeadlineExceeded):
		c.status = curlTimeout
	case errors.As(err, &unknown), errors.As(err, &name), errors.As(err, &invalid):
		c.status = curlVerify
	case errors.Is(err, errRedirects):
		c.status = curlRedirects
	case errors.As(err, &operation) && (operation.Op == "dial" || operation.Op == "proxyconnect"):
		c.status = curlConnect
	case strings.Contains(fmt.Sprintf("%T %v", err, err), "tls:"):
		c.status = curlTLS
	default:
		c.status = 56
	}
	if wrapped != nil {
		return wrapped.Err
	}
	return err
}

var errRedirects = errors.New("too many redirections")

func (c *curl) transfer(text string, withBody bool) error {
	if !strings.Contains(text, "://") {
		text = "http://" + text
	}
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		c.status = curlMalformed
		return fmt.Errorf("%q is no URL of HTTP", text)
	}
	if err := CheckFiles(); err != nil && net.ParseIP(u.Hostname()) == nil && c.socket == "" {
		c.status = curlResolve
		return err
	}
	request, err := c.request(u)
	if err != nil {
		c.status = 26
		return err
	}
	client, err := c.client(u.Scheme == "https" || c.location)
	if err != nil {
		c.status = 58
		return err
	}
	ctx := context.Background()
	if c.maxTime > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, time.Duration(c.maxTime*float64(time.Second)))
		defer cancel()
	}
	c.times = timing{start: time.Now()}
	response, err := client.Do(request.WithContext(c.times.traced(ctx)))
	if err != nil {
		return c.broken(err)
	}
	defer response.Body.Close()
	failed := (c.fail || withBody) && response.StatusCode >= 400
	n, err := c.save(u, response, failed && !withBody)
	c.printOut(response, n)
	switch {
	case err != nil:
		return err
	case failed:
		c.status = curlHTTP
		return fmt.Errorf("the requested URL returned error: %d", response.StatusCode)
	}
	return nil
}
