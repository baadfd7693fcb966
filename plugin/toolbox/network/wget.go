package network

import (
	"fmt"
	"net/url"
	"os"
	"path"

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/tool"
)

// Wget gets files by HTTP and HTTPS.
func Wget(args []string) int {
	c := &curl{location: true, fail: true, maxRedirects: 20, agent: "wget (docker nsjoin)", connectTimeout: 30}
	f := tool.Flags("wget", "[OPTIONS] URL...")
	document := f.StringP("output-document", "O", "", "the file to write; - is standard output")
	dir := f.StringP("directory-prefix", "P", "", "the directory to write to")
	quiet := f.BoolP("quiet", "q", false, "print nothing")
	f.BoolP("verbose", "v", false, "print what is done (the default)")
	f.Bool("no-verbose", false, "print little, also -nv (the default)")
	f.BoolVar(&c.include, "save-headers", false, "headers too, in the file")
	f.BoolVarP(&c.serverHeaders, "server-response", "S", false, "print headers")
	spider := f.Bool("spider", false, "headers only; the file is not written")
	f.StringArrayVar(&c.headers, "header", nil, "a header")
	f.StringArrayVar(&c.dataRaw, "post-data", nil, "data to post")
	f.StringVar(&c.method, "method", "", "the method")
	f.StringArrayVar(&c.dataBinary, "body-data", nil, "data to send")
	f.BoolVar(&c.insecure, "no-check-certificate", false, "accept any certificate")
	f.StringVar(&c.ca, "ca-certificate", "", "a file of certificates to trust")
	f.StringVarP(&c.agent, "user-agent", "U", c.agent, "the name to send")
	f.Float64VarP(&c.maxTime, "timeout", "T", 0, "seconds that all may take")
	f.IntVarP(&c.retries, "tries", "t", 1, "tries")
	noProxy := f.Bool("no-proxy", false, "use no proxy")
	for i := range args {
		if args[i] == "-nv" {
			args[i] = "--no-verbose"
		}
	}
	if status, ok := tool.Parse(f, args); !ok {
		return status
	}
	if f.NArg() == 0 {
		f.Usage()
		return tool.Usage
	}
	if *noProxy {
		c.noProxy = "*"
	}
	if *spider {
		c.head, *document = true, os.DevNull
	}
	c.retries = max(0, c.retries-1)
	status := 0
	for _, text := range f.Args() {
		c.output = *document
		if c.output == "" {
			c.output = unused(path.Join(*dir, nameOf(text)))
		}
		c.made = false
		err := c.transfer(text, false)
		for try := 0; err != nil && try < c.retries; try++ {
			err = c.transfer(text, false)
		}
		switch {
		case err != nil:
			status = map[bool]int{true: 8, false: 4}[c.status == curlHTTP]
			if c.made && *document == "" { // a part of the answer
				_ = os.Remove(c.output)
			}
			if !*quiet {
				fmt.Fprintf(os.Stderr, "wget: %v\n", err)
			}
		case !*quiet && c.output != "-":
			fmt.Fprintf(os.Stderr, "%s saved\n", tool.Printable(c.output))
		}
	}
	return status
}

// nameOf returns the name of a URL's file.
func nameOf(text string) string {
	if u, err := url.Parse(text); err == nil && u.Path != "" && path.Base(u.Path) != "/" && path.Base(u.Path) != "." {
		return path.Base(u.Path)
	}
	return "index.html"
}

// unused returns the name, with a number if there is such a file.
func unused(name string) string {
	for n, tried := 0, name; ; n++ {
		if _, err := os.Lstat(tried); err != nil {
			return tried
		}
		tried = fmt.Sprintf("%s.%d", name, n+1)
	}
}
