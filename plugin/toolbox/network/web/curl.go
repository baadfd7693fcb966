// Package web is the toolbox's curl and wget.
package web

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/tool"
)

// curl is a call of curl.
type curl struct {
	method, user, agent, referer, proxy, socket, writeOut, ca, cert, key, upload, cookie, dump   string
	bytes, bearer, outputDir, protocols, tlsMax, local                                           string
	outputs, headers, data, dataRaw, dataBinary, dataURL, dataJSON, forms, resolve, connectTo    []string
	queries                                                                                      []string
	include, head, location, silent, showError, insecure, fail, verbose, get, remote, compressed bool
	tls10, tls11, tls12, tls13, http1, http2, plainHTTP2, four, six, globoff                     bool
	createDirs, headerName, retryRefused, retryAll, failEarly                                    bool
	maxTime, connectTimeout, retryDelay, retryTime                                               float64
	idle                                                                                         float64 // of wget: seconds to wait for data
	retries, maxRedirects                                                                        int

	noProxy, output string
	serverHeaders   bool   // of wget: headers to stderr
	dialed          string // the address of the last connection
	resume          int64  // of wget: how much of the output is there, in bytes
	whole           bool   // of wget: the answer has no more than that
	made            bool   // the output file was made by this transfer
	chosen          string // the output file that the server has chosen, and that was made
	status          int
	times           timing
	result          result
}

// result is what -w tells of a transfer.
type result struct {
	url       *url.URL
	method    string
	response  *http.Response // nil if there is none
	size      int64          // bytes of the answer
	sent      int            // bytes of the request's body
	redirects int
	connects  int
	local     string // the own address of the last connection
	file      string
	err       error
}

// The exit statuses that scripts know.
const (
	curlProtocol  = 1
	curlMalformed = 3
	curlResolve   = 6
	curlConnect   = 7
	curlHTTP      = 22
	curlWrite     = 23
	curlRead      = 26
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
	f.Float64Var(&c.retryDelay, "retry-delay", 0, "seconds between tries")
	f.Float64Var(&c.retryTime, "retry-max-time", 0, "seconds that all tries may take")
	f.BoolVar(&c.retryRefused, "retry-connrefused", false, "try again if the connection is refused")
	f.BoolVar(&c.retryAll, "retry-all-errors", false, "try again after any error")
	f.BoolVar(&c.failEarly, "fail-early", false, "end after the first URL that fails")
	f.StringArrayVar(&c.connectTo, "connect-to", nil, "HOST1:PORT1:HOST2:PORT2 to connect to the second instead of the first")
	f.StringVarP(&c.bytes, "range", "r", "", "a range of bytes, such as 0-99")
	f.StringVar(&c.bearer, "oauth2-bearer", "", "a token to send")
	f.StringArrayVar(&c.queries, "url-query", nil, "data to encode and add to the query")
	f.BoolVar(&c.createDirs, "create-dirs", false, "make the directories of -o")
	f.StringVar(&c.outputDir, "output-dir", "", "the directory of -o and -O")
	f.BoolVarP(&c.headerName, "remote-header-name", "J", false, "with -O, the name that the server says")
	f.StringVar(&c.protocols, "proto", "", "the protocols that may be used, such as =https")
	f.StringVar(&c.local, "interface", "", "the own address to use")
	f.BoolVar(&c.compressed, "compressed", false, "ask for compression")
	f.BoolVar(&c.tls12, "tlsv1.2", false, "TLS 1.2 or later (the default)")
	f.BoolVar(&c.tls13, "tlsv1.3", false, "TLS 1.3")
	f.BoolVar(&c.tls10, "tlsv1.0", false, "TLS 1.0 or later")
	f.BoolVar(&c.tls11, "tlsv1.1", false, "TLS 1.1 or later")
	f.StringVar(&c.tlsMax, "tls-max", "", "the highest version of TLS, such as 1.2")
	f.BoolVar(&c.plainHTTP2, "http2-prior-knowledge", false, "HTTP/2 without TLS")
	f.BoolVar(&c.http1, "http1.1", false, "HTTP/1.1")
	f.BoolVar(&c.http2, "http2", false, "HTTP/2, as by default with TLS")
	f.BoolVarP(&c.four, "ipv4", "4", false, "IPv4")
	f.BoolVarP(&c.six, "ipv6", "6", false, "IPv6")
	f.BoolVarP(&c.globoff, "globoff", "g", false, "no ranges in URLs (the default)")
	f.BoolP("no-buffer", "N", false, "write at once (the default)")
	f.BoolP("progress-bar", "#", false, "no bar is shown")
	f.Bool("fail-with-body", false, "as -f, with the answer")
	f.StringArray("url", nil, "a URL")
	f.BoolP("version", "V", false, "print what this is")
	f.BoolP("disable", "q", false, "read no file of options (none is read)")
	f.Bool("no-progress-meter", false, "no bar is shown")
	f.Bool("no-keepalive", false, "the connection ends with the call")
	f.Bool("tcp-nodelay", true, "send at once (the default)")
	f.Bool("basic", false, "with -u, HTTP Basic (the default)")
	f.Bool("path-as-is", false, "leave /../ in the URL (the default)")
	f.StringArrayVar(&c.data, "data-ascii", nil, "as -d")
}

// Curl transfers URLs of HTTP and HTTPS.
func Curl(args []string) int {
	c := &curl{}
	f := tool.Flags("curl", "[OPTIONS] URL...")
	c.flags(f)
	if status, ok := tool.Parse(f, args); !ok {
		return status
	}
	if version, _ := f.GetBool("version"); version {
		tool.Println("curl of docker nsjoin's toolbox, by Go's net/http\nProtocols: http https")
		return 0
	}
	urls, _ := f.GetStringArray("url")
	urls = append(urls, f.Args()...)
	if len(urls) == 0 {
		return tool.Misused(f)
	}
	if c.cookie != "" && !strings.Contains(c.cookie, "=") {
		return tool.Refuse("curl", errors.New("a file of cookies is not supported: -b NAME=VALUE"))
	}
	if err := c.readFormat(); err != nil {
		tool.Complain("curl", err)
		return curlRead
	}
	withBody, _ := f.GetBool("fail-with-body")
	return c.all(urls, withBody)
}

// readFormat reads the format of -w @FILE.
func (c *curl) readFormat() error {
	file, ok := strings.CutPrefix(c.writeOut, "@")
	if !ok {
		return nil
	}
	if file == "-" {
		file = "/dev/stdin"
	}
	text, err := readFile(file)
	c.writeOut = string(text)
	return err
}

// all transfers URLs, and returns the status of the last one that failed.
func (c *curl) all(urls []string, withBody bool) (status int) {
	for i, text := range urls {
		c.output = ""
		if i < len(c.outputs) {
			c.output = c.outputs[i]
		}
		err := c.tries(text, withBody)
		c.result.err = err
		if err == nil {
			c.status = 0
		}
		c.printOut(i)
		if err == nil {
			continue
		}
		status = c.status
		if (!c.silent || c.showError) && !tool.OutputFailed() {
			fmt.Fprintf(tool.Stderr, "curl: (%d) %v\n", c.status, err)
		}
		if c.failEarly {
			break
		}
	}
	return status
}

// tries transfers a URL, and does it again after an error that may pass.
func (c *curl) tries(text string, withBody bool) error {
	began := time.Now()
	for try := 0; ; try++ {
		err := c.transfer(text, withBody)
		wait := time.Duration(c.retryDelay * float64(time.Second))
		if wait == 0 {
			wait = time.Second << min(try, 5)
		}
		if !c.passes(err) || try >= c.retries || c.retryTime > 0 && time.Since(began)+wait > time.Duration(c.retryTime*float64(time.Second)) {
			return err
		}
		if !c.silent || c.showError {
			reason := err
			if reason == nil {
				reason = errors.New(c.result.response.Status)
			}
			fmt.Fprintf(tool.Stderr, "curl: trying again in %v, after: %v\n", wait, reason)
		}
		time.Sleep(wait)
	}
}

// passes reports whether the last transfer failed for a reason that may pass.
func (c *curl) passes(err error) bool {
	if r := c.result.response; r != nil && slices.Contains([]int{408, 429, 500, 502, 503, 504}, r.StatusCode) {
		return true
	}
	switch {
	case err == nil:
		return false
	case c.retryAll:
		return true
	case c.status == curlConnect:
		return c.retryRefused
	}
	return c.status == curlTimeout || c.status == curlResolve
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
	case errors.As(err, &dnsError), errors.Is(err, errNames):
		c.status = curlResolve
	case errors.As(err, &timeout) && timeout.Timeout(), errors.Is(err, context.DeadlineExceeded):
		c.status = curlTimeout
	case errors.As(err, &unknown), errors.As(err, &name), errors.As(err, &invalid):
		c.status = curlVerify
	case errors.Is(err, errRedirects):
		c.status = curlRedirects
	case errors.Is(err, errProtocol):
		c.status = curlProtocol
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

var (
	errRedirects = errors.New("too many redirections")
	errProtocol  = errors.New("a redirection to a protocol that is not supported here, or not allowed")
	errNames     = errors.New("names can't be looked up")
)

func (c *curl) transfer(text string, withBody bool) error {
	c.result, c.times, c.status, c.whole = result{}, timing{start: time.Now()}, 0, false
	if !strings.Contains(text, "://") {
		text = "http://" + text
	}
	u, err := url.Parse(text)
	if err != nil || u.Hostname() == "" {
		c.status = curlMalformed
		return fmt.Errorf("%q is no URL of HTTP", text)
	}
	c.result.url = u
	if u.Scheme != "http" && u.Scheme != "https" || !allows(c.protocols, u.Scheme) {
		c.status = curlProtocol
		return fmt.Errorf("protocol %q is not supported here, or not allowed", u.Scheme)
	}
	request, err := c.request(u)
	if err != nil {
		c.status = curlRead
		return err
	}
	if c.resume > 0 {
		request.Header.Set("Range", fmt.Sprintf("bytes=%d-", c.resume))
	}
	c.result.method = request.Method
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
	response, err := client.Do(request.WithContext(c.times.traced(ctx)))
	if err != nil {
		return c.broken(err)
	}
	defer response.Body.Close()
	c.result.response = response
	failed := (c.fail || withBody) && response.StatusCode >= 400
	c.result.size, err = c.save(u, response, failed && !withBody)
	switch {
	case err != nil:
		return err
	case failed:
		c.status = curlHTTP
		return fmt.Errorf("the requested URL returned error: %d", response.StatusCode)
	}
	return nil
}

// allows reports whether a value of --proto, such as "=https" or "-all,https", allows a protocol.
func allows(list, scheme string) bool {
	allowed := true
	for word := range strings.SplitSeq(list, ",") {
		if word == "" {
			continue
		}
		if name, only := strings.CutPrefix(word, "="); only {
			word, allowed = name, false
		}
		name := strings.TrimLeft(word, "+-")
		if name == scheme || name == "all" {
			allowed = word[0] != '-'
		}
	}
	return allowed
}
