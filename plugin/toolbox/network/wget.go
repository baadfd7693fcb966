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
	f.StringVarP(&c.output, "output-document", "O", "", "the file to write; - is standard output")
	dir := f.StringP("directory-prefix", "P", "", "the directory to write to")
	quiet := f.BoolP("quiet", "q", false, "print nothing")
	f.BoolP("no-verbose", "v", false, "ignored")
	f.BoolVarP(&c.include, "save-headers", "S", false, "headers too")
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
	f.BoolP("continue", "c", false, "ignored")
	f.Bool("no-proxy", false, "ignored")
	if status, ok := tool.Parse(f, args); !ok {
		return status
	}
	if f.NArg() == 0 {
		f.Usage()
		return tool.Usage
	}
	if *spider {
		c.head, c.output = true, os.DevNull
	}
	c.retries = max(0, c.retries-1)
	named := c.output != ""
	status := 0
	for _, text := range f.Args() {
		if !named {
			c.output = "index.html"
			if u, err := url.Parse(text); err == nil && path.Base(u.Path) != "/" && path.Base(u.Path) != "." {
				c.output = path.Base(u.Path)
			}
			c.output = path.Join(*dir, c.output)
		}
		err := c.transfer(text, false)
		for try := 0; err != nil && try < c.retries; try++ {
			err = c.transfer(text, false)
		}
		switch {
		case err != nil:
			status = map[bool]int{true: 8, false: 4}[c.status == curlHTTP]
			if !named && c.status == curlHTTP {
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
