package web

import (
	"cmp"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/tool"
)

// wget is a call of wget.
type wget struct {
	curl
	document, dir                string
	quiet, spider, more, noProxy bool
	postFile, password           string
}

func (w *wget) flags(f *pflag.FlagSet) {
	c := &w.curl
	f.StringVarP(&w.document, "output-document", "O", "", "the file to write; - is standard output")
	f.StringVarP(&w.dir, "directory-prefix", "P", "", "the directory to write to")
	f.BoolVarP(&w.more, "continue", "c", false, "get the rest of a file")
	f.BoolVarP(&w.quiet, "quiet", "q", false, "print nothing")
	f.BoolP("verbose", "v", false, "print what is done (the default)")
	f.Bool("no-verbose", false, "print little, also -nv (the default)")
	f.String("progress", "", "no progress is shown")
	f.Bool("show-progress", false, "no progress is shown")
	f.BoolVar(&c.include, "save-headers", false, "headers too, in the file")
	f.BoolVarP(&c.serverHeaders, "server-response", "S", false, "print headers")
	f.BoolVar(&w.spider, "spider", false, "headers only; the file is not written")
	f.StringArrayVar(&c.headers, "header", nil, "a header")
	f.StringArrayVar(&c.dataRaw, "post-data", nil, "data to post")
	f.StringVar(&w.postFile, "post-file", "", "a file to post")
	f.StringVar(&c.method, "method", "", "the method")
	f.StringArrayVar(&c.dataBinary, "body-data", nil, "data to send")
	f.BoolVar(&c.insecure, "no-check-certificate", false, "accept any certificate")
	f.StringVar(&c.ca, "ca-certificate", "", "a file of certificates to trust")
	f.StringVarP(&c.agent, "user-agent", "U", "wget (docker nsjoin)", "the name to send")
	f.StringVar(&c.referer, "referer", "", "the referer to send")
	f.StringVar(&c.user, "user", "", "the user's name")
	f.StringVar(&w.password, "password", "", "the user's password")
	f.IntVar(&c.maxRedirects, "max-redirect", 20, "redirections to follow")
	f.Float64VarP(&c.idle, "timeout", "T", 900, "seconds to wait for a connection, and for data; 0 is for ever")
	f.Float64Var(&c.connectTimeout, "connect-timeout", 30, "seconds to wait for a connection")
	f.Float64Var(&c.idle, "read-timeout", 900, "seconds to wait for data")
	f.IntVarP(&c.retries, "tries", "t", 1, "tries")
	f.BoolVar(&w.noProxy, "no-proxy", false, "use no proxy")
	f.BoolVarP(&c.four, "inet4-only", "4", false, "IPv4")
	f.BoolVarP(&c.six, "inet6-only", "6", false, "IPv6")
}

// Wget gets files by HTTP and HTTPS.
func Wget(args []string) int {
	w := &wget{curl: curl{location: true, fail: true}}
	f := tool.Flags("wget", "[OPTIONS] URL...")
	w.flags(f)
	for i := range args {
		if args[i] == "-nv" {
			args[i] = "--no-verbose"
		}
	}
	if status, ok := tool.Parse(f, args); !ok {
		return status
	}
	if f.NArg() == 0 {
		tool.Misused(f)
		return 1 // an option that is wrong ends with 2
	}
	if w.more && w.document != "" {
		return tool.Refuse("wget", errors.New("-c is not supported here with -O"))
	}
	if w.more && w.include {
		return tool.Refuse("wget", errors.New("-c is not supported here with --save-headers"))
	}
	w.prepare(f.Changed("timeout"))
	status := 0
	for _, text := range f.Args() {
		// Of several failures, the one with the lowest number counts.
		if one := w.get(text); one != 0 && (status == 0 || one < status) {
			status = one
		}
	}
	return status
}

// prepare sets what follows from several options.
func (w *wget) prepare(timeout bool) {
	if timeout {
		w.connectTimeout = w.idle
	}
	if w.noProxy {
		w.curl.noProxy = "*"
	}
	if w.user != "" || w.password != "" {
		w.user += ":" + w.password
	}
	if w.postFile != "" {
		w.dataBinary = append(w.dataBinary, "@"+w.postFile)
	}
	if w.spider {
		w.head, w.document = true, os.DevNull
	}
	w.retries = max(0, w.retries-1)
}

// get gets one URL, and returns the status for it.
func (w *wget) get(text string) int {
	w.output = w.document
	if w.output == "" {
		w.output = path.Join(w.dir, nameOf(text))
		if !w.more {
			w.output = unused(w.output)
		}
		if w.output == "-" { // not standard output
			w.output = "./-"
		}
	}
	w.resume, w.made, w.result = 0, false, result{}
	w.continues()
	err := w.transfer(text, false)
	for try := 0; err != nil && w.status != curlHTTP && try < w.retries; try++ {
		time.Sleep(time.Second << min(try, 3))
		w.continues()
		err = w.transfer(text, false)
	}
	r := w.result.response
	switch {
	case w.whole, r != nil && r.StatusCode == 416 && (w.more || w.resume > 0):
		w.say("%s: the file is already fully retrieved; nothing to do", tool.Printable(w.output))
		return 0
	case err == nil && w.spider:
		w.say("%s: the remote file exists", tool.Printable(text))
	case err == nil:
		if w.output != "-" {
			w.say("%s saved", tool.Printable(w.output))
		}
	default:
		if w.made && w.document == "" && !w.more { // a part of the answer
			_ = os.Remove(w.output)
		}
		w.say("wget: %v", err)
		return w.wgetStatus()
	}
	return 0
}

// continues makes the next try get what the output lacks. A file that -c is not for is written anew.
func (w *wget) continues() {
	if w.output == "-" {
		w.resume += w.result.size
		return
	}
	w.resume = 0
	if info, err := os.Stat(w.output); w.more && err == nil && info.Mode().IsRegular() {
		w.resume = info.Size()
	}
}

func (w *wget) say(format string, values ...any) {
	if !w.quiet {
		fmt.Fprintf(tool.Stderr, format+"\n", values...)
	}
}

// wgetStatus returns the exit status of wget for that of curl.
func (w *wget) wgetStatus() int {
	const generic, files, network, secure, login, server = 1, 3, 4, 5, 6, 8
	status := map[int]int{curlHTTP: server, curlWrite: files, curlRead: files, curlVerify: secure, curlTLS: secure, curlProtocol: generic, curlMalformed: generic, curlRedirects: server}[w.status]
	if r := w.result.response; r != nil && r.StatusCode == 401 {
		return login
	}
	return cmp.Or(status, network)
}

// nameOf returns the name of a URL's file, with its query, as wget names it.
func nameOf(text string) string {
	if !strings.Contains(text, "://") {
		text = "http://" + text
	}
	u, err := url.Parse(text)
	if err != nil {
		return "index.html"
	}
	name := path.Base(u.Path)
	if u.Path == "" || strings.HasSuffix(u.Path, "/") || name == "." || name == ".." {
		name = "index.html"
	}
	if u.RawQuery != "" {
		name += "?" + strings.ReplaceAll(u.RawQuery, "/", "%2F")
	}
	return name
}

// unused returns the name, with a number if there is such a file.
func unused(name string) string {
	for n, tried := 0, name; ; n++ {
		if _, err := os.Lstat(tried); err != nil {
			return tried
		}
		tried = name + "." + strconv.Itoa(n+1)
	}
}
