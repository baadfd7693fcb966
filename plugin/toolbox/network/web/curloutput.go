package web

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"mime"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"os"
	"path"
	"regexp"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/tool"
)

// save writes the answer where it is wanted, and returns its size in bytes. With discard, no file is written: one that
// is there is kept.
func (c *curl) save(u *url.URL, response *http.Response, discard bool) (int64, error) {
	var header bytes.Buffer
	_, _ = header.WriteString(headerText(response))
	if c.serverHeaders {
		fmt.Fprintf(os.Stderr, "  %s %s\n", response.Proto, tool.Printable(response.Status))
		printHeader(os.Stderr, "  ", response.Header)
	}
	switch c.dump {
	case "":
	case "-":
		_, _ = tool.Stdout.Write(header.Bytes())
	default:
		if err := os.WriteFile(c.dump, header.Bytes(), 0o666); err != nil {
			c.status = curlWrite
			return 0, tool.Reason(err)
		}
	}
	name, fromServer, err := c.file(u, response)
	if err != nil {
		c.status = curlWrite
		return 0, err
	}
	toFile := name != "" && name != "-"
	if discard && toFile {
		return 0, nil
	}
	wanted := !discard && !c.head
	if err := c.skip(response, wanted); err != nil || c.whole {
		return 0, err
	}
	out := tool.Stdout
	if toFile {
		file, err := c.open(name, fromServer)
		if err != nil {
			c.status = curlWrite
			return 0, tool.Reason(err)
		}
		defer file.Close()
		out = file
	}
	if (c.include || c.head) && c.resume == 0 {
		_, _ = out.Write(header.Bytes())
	}
	if !wanted {
		return 0, nil
	}
	return c.copyTo(out, response.Body)
}

// copyTo writes the answer's content.
func (c *curl) copyTo(out io.Writer, body io.Reader) (int64, error) {
	n, err := io.Copy(out, body)
	if err != nil {
		if _, ok := errors.AsType[*os.PathError](err); ok {
			c.status = curlWrite
			return n, tool.Reason(err)
		}
		return n, c.broken(err)
	}
	return n, nil
}

// file returns the name of the file to write, if there is one, and whether the server has chosen it.
func (c *curl) file(u *url.URL, response *http.Response) (name string, fromServer bool, err error) {
	name = c.output
	if c.remote && name == "" {
		if name = path.Base(u.Path); name == "/" || name == "." {
			return "", false, errors.New("the URL has no name of a file")
		}
		if c.headerName {
			if _, parameters, err := mime.ParseMediaType(response.Header.Get("Content-Disposition")); err == nil && parameters["filename"] != "" {
				name, fromServer = path.Base(parameters["filename"]), true
			}
		}
	}
	if c.outputDir != "" && name != "" && name != "-" {
		name = path.Join(c.outputDir, name)
	}
	return name, fromServer, nil
}

// open opens the file to write, and notes whether it is made.
func (c *curl) open(name string, fromServer bool) (*os.File, error) {
	c.result.file = name
	if c.createDirs {
		if err := os.MkdirAll(path.Dir(name), 0o777); err != nil {
			return nil, err
		}
	}
	_, err := os.Lstat(name)
	c.made = c.made || errors.Is(err, fs.ErrNotExist) // by this try or an earlier one
	return c.create(name, fromServer)
}

// skip leaves out what the output has of the answer already: the server sends it too if it knows no ranges.
func (c *curl) skip(response *http.Response, wanted bool) error {
	switch {
	case c.resume == 0 || !wanted:
		return nil
	case response.StatusCode == http.StatusPartialContent:
		if !strings.HasPrefix(response.Header.Get("Content-Range"), fmt.Sprintf("bytes %d-", c.resume)) {
			c.status = curlWrite
			return errors.New("the server sends another part of the file")
		}
		return nil
	case response.ContentLength >= 0 && response.ContentLength <= c.resume:
		c.whole = true
		return nil
	}
	_, err := io.CopyN(io.Discard, response.Body, c.resume)
	switch {
	case errors.Is(err, io.EOF):
		c.whole = true
	case err != nil:
		return c.broken(err)
	}
	return nil
}

// headerText returns the header of an answer. What a terminal would obey is taken out if standard output is one.
func headerText(response *http.Response) string {
	var header strings.Builder
	fmt.Fprintf(&header, "%s %s\r\n", response.Proto, response.Status)
	_ = response.Header.Write(&header)
	if !tool.Terminal() {
		return header.String() + "\r\n"
	}
	lines := strings.Split(header.String(), "\r\n")
	for i, line := range lines {
		lines[i] = tool.Printable(line)
	}
	return strings.Join(lines, "\r\n") + "\r\n"
}

// create opens the output file. If the server has chosen the name, no file is overwritten but that of an earlier try.
func (c *curl) create(name string, fromServer bool) (*os.File, error) {
	if c.resume > 0 {
		return os.OpenFile(name, os.O_WRONLY|os.O_APPEND, 0)
	}
	if !fromServer {
		return os.Create(name)
	}
	flags := os.O_WRONLY | os.O_CREATE | unix.O_NOFOLLOW
	if name == c.chosen {
		flags |= os.O_TRUNC
	} else {
		flags |= os.O_EXCL
	}
	file, err := os.OpenFile(name, flags, 0o666)
	if err == nil {
		c.chosen = name
	}
	return file, err
}

// timing is when the parts of a transfer were done.
type timing struct{ start, lookup, connect, secured, sent, first, redirected time.Time }

// traced returns a context that notes the times.
func (t *timing) traced(ctx context.Context) context.Context {
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		DNSDone:              func(httptrace.DNSDoneInfo) { t.lookup = time.Now() },
		ConnectDone:          func(string, string, error) { t.connect = time.Now() },
		TLSHandshakeDone:     func(tls.ConnectionState, error) { t.secured = time.Now() },
		WroteHeaders:         func() { t.sent = time.Now() },
		GotFirstResponseByte: func() { t.first = time.Now() },
	})
}

// since returns the seconds up to a time. A part that there was not took none.
func (t *timing) since(at time.Time) string {
	if at.IsZero() {
		at = t.start
	}
	return strconv.FormatFloat(at.Sub(t.start).Seconds(), 'f', 6, 64)
}

var variable = regexp.MustCompile(`%\{[a-z_]+\}|%header\{[^}]*\}|%%|\\[nrt]`)

// printOut prints the format of -w, also after a transfer that failed. number is the URL's, from 0.
func (c *curl) printOut(number int) {
	out := tool.Stdout
	values := c.values(number)
	text := c.writeOut
	for text != "" {
		at := variable.FindStringIndex(text)
		if at == nil {
			break
		}
		_, _ = io.WriteString(out, text[:at[0]])
		word := text[at[0]:at[1]]
		text = text[at[1]:]
		name := strings.TrimSuffix(strings.TrimPrefix(word, "%{"), "}")
		header, isHeader := strings.CutPrefix(name, "%header{")
		value, ok := values[name]
		switch {
		case name == "stderr":
			out = os.Stderr
		case name == "stdout":
			out = tool.Stdout
		case name == "onerror":
			if c.result.err == nil {
				return
			}
		case isHeader && c.result.response != nil:
			_, _ = io.WriteString(out, c.result.response.Header.Get(header))
		case isHeader:
		case name == "json":
			_, _ = io.WriteString(out, asJSON(values))
		case !ok:
			fmt.Fprintf(os.Stderr, "curl: unknown --write-out variable: %q\n", name)
		default:
			_, _ = io.WriteString(out, value)
		}
	}
	_, _ = io.WriteString(out, text)
}

// values are the variables of -w.
func (c *curl) values(number int) map[string]string {
	r := &c.result
	code, kind, redirect, version, verified := 0, "", "", "0", "0"
	effective := r.url
	if response := r.response; response != nil {
		code, kind, effective = response.StatusCode, response.Header.Get("Content-Type"), response.Request.URL
		if to, err := response.Location(); err == nil {
			redirect = to.String()
		}
		if version = strings.TrimPrefix(response.Proto, "HTTP/"); response.ProtoMajor == 2 {
			version = "2"
		}
	} else if c.status == curlVerify {
		verified = "1"
	}
	text := func(n int) string { return strconv.Itoa(n) }
	address, port, _ := net.SplitHostPort(c.dialed)
	local, localPort, _ := net.SplitHostPort(r.local)
	message, scheme, shown := "", "", ""
	if r.err != nil {
		message = r.err.Error()
	}
	if effective != nil {
		scheme, shown = effective.Scheme, effective.String()
		if effective.Path == "" && effective.RawQuery == "" {
			shown += "/"
		}
	}
	total := time.Since(c.times.start)
	speed := func(bytes int64) string {
		return strconv.FormatInt(int64(float64(bytes)/max(total.Seconds(), 1e-6)), 10)
	}
	return map[string]string{
		"%%": "%", `\n`: "\n", `\r`: "\r", `\t`: "\t",
		"http_code": fmt.Sprintf("%03d", code), "response_code": fmt.Sprintf("%03d", code), "http_version": version,
		"size_download": strconv.FormatInt(r.size, 10), "size_upload": text(r.sent), "speed_download": speed(r.size), "speed_upload": speed(int64(r.sent)),
		"content_type": kind, "url": shown, "url_effective": shown, "redirect_url": redirect, "num_redirects": text(r.redirects),
		"num_connects": text(r.connects), "remote_ip": address, "remote_port": port, "local_ip": local, "local_port": localPort,
		"method": r.method, "scheme": scheme, "exitcode": text(c.status), "errormsg": message, "urlnum": text(number),
		"ssl_verify_result": verified, "filename_effective": r.file,
		"time_total": c.times.since(time.Now()), "time_namelookup": c.times.since(c.times.lookup), "time_connect": c.times.since(c.times.connect),
		"time_appconnect": c.times.since(c.times.secured), "time_pretransfer": c.times.since(c.times.sent), "time_starttransfer": c.times.since(c.times.first),
		"time_redirect": c.times.since(c.times.redirected),
	}
}

var (
	notInJSON = regexp.MustCompile(`^(%%|\\.)$`)
	numbers   = regexp.MustCompile(`^(time|num|size|speed)_|_(code|port|result)$|^(exitcode|urlnum)$`)
)

// asJSON returns all variables as curl does: numbers are not quoted.
func asJSON(values map[string]string) string {
	all := make(map[string]any)
	for name, value := range values {
		if notInJSON.MatchString(name) {
			continue
		}
		all[name] = value
		if number, err := strconv.ParseFloat(value, 64); err == nil && numbers.MatchString(name) {
			all[name] = number
		}
	}
	text, _ := json.Marshal(all)
	return string(text)
}
