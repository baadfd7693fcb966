// Package certs is the toolbox's openssl, which shows certificates, and reads the certificates that a container trusts.
package certs

import (
	"cmp"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/network/lookup"
	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/tool"
)

const opensslUsage = `usage: openssl s_client [-connect] HOST:PORT [-servername NAME] [-showcerts] [-CAfile FILE] [-alpn LIST] [-cert FILE [-key FILE]] [-verify_hostname NAME] [-verify_return_error] [-tls1_2 | -tls1_3] [-brief | -quiet] [-ign_eof] [-4 | -6]
       openssl x509 [-in FILE] [-inform DER] [-noout] [-text] [-subject] [-issuer] [-dates] [-enddate] [-serial] [-ext subjectAltName] [-fingerprint [-sha256]] [-checkend SECONDS]`

// Openssl shows certificates, with the names and options of openssl's commands for that.
func Openssl(args []string) int {
	if len(args) > 0 {
		switch args[0] {
		case "s_client":
			return client(args[1:])
		case "x509":
			return certificate(args[1:])
		case "version":
			tool.Println("certificates by Go's crypto/tls and crypto/x509, with options of openssl")
			return 0
		}
	}
	return tool.Usage("openssl", opensslUsage)
}

// singleDash parses options such as -connect VALUE. values are those that have one, flags those that have none. Another
// is refused: a certificate or a STARTTLS that was left out would be a wrong answer.
func singleDash(args, values, flags []string) (set map[string]string, rest []string, err error) {
	set = make(map[string]string)
	for i := 0; i < len(args); i++ {
		if !strings.HasPrefix(args[i], "-") || args[i] == "-" {
			rest = append(rest, args[i])
			continue
		}
		name := strings.TrimLeft(args[i], "-")
		switch {
		case slices.Contains(flags, name):
			set[name] = ""
		case !slices.Contains(values, name):
			return nil, nil, fmt.Errorf("option -%s is not supported here", tool.Printable(name))
		case i+1 == len(args):
			return nil, nil, fmt.Errorf("option -%s needs a value", name)
		default:
			i++
			set[name] = args[i]
		}
	}
	return set, rest, nil
}

func has(set map[string]string, name string) bool {
	_, ok := set[name]
	return ok
}

// client connects by TLS, shows the server's certificates, and then passes on input and output.
func client(args []string) int {
	set, rest, err := singleDash(args, []string{"connect", "servername", "verify_hostname", "CAfile", "alpn", "cert", "key"},
		[]string{"showcerts", "quiet", "brief", "ign_eof", "no_ign_eof", "prexit", "tls1_2", "tls1_3", "verify_return_error", "4", "6"})
	if err != nil {
		return tool.Refuse("openssl", err)
	}
	target := set["connect"]
	if target == "" && len(rest) > 0 {
		target = rest[0]
	}
	if target == "" {
		return tool.Usage("openssl", opensslUsage)
	}
	if !strings.Contains(strings.TrimSuffix(target[strings.LastIndex(target, "]")+1:], ":"), ":") {
		target = net.JoinHostPort(strings.Trim(strings.TrimSuffix(target, ":"), "[]"), "443")
	}
	host, _, err := net.SplitHostPort(target)
	if err == nil {
		err = lookup.CheckFiles()
	}
	if err != nil {
		return tool.Complain("openssl", err)
	}
	config, err := clientConfig(host, set)
	if err != nil {
		return tool.Complain("openssl", err)
	}
	network := "tcp"
	if has(set, "4") != has(set, "6") {
		network = map[bool]string{true: "tcp4", false: "tcp6"}[has(set, "4")]
	}
	conn, err := tls.DialWithDialer(&net.Dialer{Timeout: 10 * time.Second}, network, target, config)
	if err != nil {
		return tool.Complain("openssl", err)
	}
	defer conn.Close()
	name := cmp.Or(set["verify_hostname"], set["servername"], host)
	verdict := verify(conn.ConnectionState().PeerCertificates, name, set["CAfile"])
	if verdict.code != 0 {
		fmt.Fprintf(os.Stderr, "verify error:num=%d:%s\n", verdict.code, verdict.text)
		if has(set, "verify_return_error") {
			return 1
		}
	}
	if !has(set, "quiet") {
		showConnection(conn, verdict, set)
	}
	if tool.Terminal() {
		tool.Println("---")
	}
	go func() {
		_, _ = io.Copy(conn, os.Stdin)
		_ = conn.CloseWrite()
		if !has(set, "ign_eof") && (!has(set, "quiet") || has(set, "no_ign_eof")) {
			time.Sleep(time.Second)
			conn.Close()
		}
	}()
	_, _ = io.Copy(tool.Stdout, conn)
	return 0
}

// clientConfig returns what the options say of TLS.
func clientConfig(host string, set map[string]string) (*tls.Config, error) {
	config := &tls.Config{ServerName: cmp.Or(set["servername"], host), InsecureSkipVerify: true} //nolint:gosec // it shows certificates, and says whether they are valid
	if list := set["alpn"]; list != "" {
		config.NextProtos = strings.Split(list, ",")
	}
	switch {
	case has(set, "tls1_2"):
		config.MaxVersion = tls.VersionTLS12
	case has(set, "tls1_3"):
		config.MinVersion = tls.VersionTLS13
	}
	if cert := set["cert"]; cert != "" {
		pair, err := tls.LoadX509KeyPair(cert, cmp.Or(set["key"], cert))
		if err != nil {
			return nil, tool.Reason(err)
		}
		config.Certificates = []tls.Certificate{pair}
	}
	return config, nil
}

const opensslTime = "Jan _2 15:04:05 2006 GMT"
