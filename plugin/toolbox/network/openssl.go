package network

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha1" //nolint:gosec // fingerprints that people compare
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"time"

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/tool"
)

const opensslUsage = `usage: openssl s_client [-connect] HOST:PORT [-servername NAME] [-showcerts] [-CAfile FILE] [-alpn LIST]
       openssl x509 [-in FILE] [-inform DER] [-noout] [-text] [-subject] [-issuer] [-dates] [-enddate] [-serial] [-fingerprint] [-checkend SECONDS]`

// Openssl shows certificates, with the names and options of openssl's commands for that.
func Openssl(args []string) int {
	if len(args) > 0 {
		switch args[0] {
		case "s_client":
			return client(args[1:])
		case "x509":
			return certificate(args[1:])
		case "version":
			fmt.Println("certificates by Go's crypto/tls and crypto/x509, with options of openssl")
			return 0
		}
	}
	fmt.Fprintln(os.Stderr, opensslUsage)
	return tool.Usage
}

// singleDash parses options such as -connect VALUE. values are those that have one.
func singleDash(args []string, values ...string) (set map[string]string, rest []string, err error) {
	set = make(map[string]string)
	for i := 0; i < len(args); i++ {
		if !strings.HasPrefix(args[i], "-") || args[i] == "-" {
			rest = append(rest, args[i])
			continue
		}
		name := strings.TrimLeft(args[i], "-")
		set[name] = ""
		for _, v := range values {
			if v != name {
				continue
			}
			if i++; i == len(args) {
				return nil, nil, fmt.Errorf("option -%s needs a value", name)
			}
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
	set, rest, err := singleDash(args, "connect", "servername", "CAfile", "alpn", "starttls", "verify", "cert", "key")
	if err != nil {
		tool.Complain("openssl", err)
		return tool.Usage
	}
	target := set["connect"]
	if target == "" && len(rest) > 0 {
		target = rest[0]
	}
	if target == "" {
		fmt.Fprintln(os.Stderr, opensslUsage)
		return tool.Usage
	}
	if !strings.Contains(strings.TrimSuffix(target[strings.LastIndex(target, "]")+1:], ":"), ":") {
		target = net.JoinHostPort(strings.Trim(strings.TrimSuffix(target, ":"), "[]"), "443")
	}
	host, _, err := net.SplitHostPort(target)
	if err == nil {
		err = CheckFiles()
	}
	if err != nil {
		return tool.Complain("openssl", err)
	}
	config := &tls.Config{ServerName: host, InsecureSkipVerify: true} //nolint:gosec // it shows certificates, and says whether they are valid
	if name := set["servername"]; name != "" {
		config.ServerName = name
	}
	if list := set["alpn"]; list != "" {
		config.NextProtos = strings.Split(list, ",")
	}
	conn, err := tls.DialWithDialer(&net.Dialer{Timeout: 10 * time.Second}, "tcp", target, config)
	if err != nil {
		return tool.Complain("openssl", err)
	}
	defer conn.Close()
	showConnection(conn, config.ServerName, set)
	if tool.Terminal() {
		fmt.Println("---")
	}
	go func() {
		_, _ = io.Copy(conn, os.Stdin)
		_ = conn.CloseWrite()
		if !has(set, "ign_eof") {
			time.Sleep(time.Second)
			conn.Close()
		}
	}()
	_, _ = io.Copy(os.Stdout, conn)
	return 0
}

func showConnection(conn *tls.Conn, name string, set map[string]string) {
	state := conn.ConnectionState()
	fmt.Printf("CONNECTED to %s\n---\nCertificate chain\n", conn.RemoteAddr())
	for i, c := range state.PeerCertificates {
		fmt.Printf(" %d s:%s\n   i:%s\n   a:%s\n   v:NotBefore: %s; NotAfter: %s\n", i, tool.Printable(c.Subject.String()), tool.Printable(c.Issuer.String()),
			keyText(c), c.NotBefore.UTC().Format(opensslTime), c.NotAfter.UTC().Format(opensslTime))
		if has(set, "showcerts") || i == 0 {
			_ = pem.Encode(os.Stdout, &pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})
		}
	}
	fmt.Printf("---\nProtocol  : %s\nCipher    : %s\n", tls.VersionName(state.Version), tls.CipherSuiteName(state.CipherSuite))
	if state.NegotiatedProtocol != "" {
		fmt.Printf("ALPN      : %s\n", tool.Printable(state.NegotiatedProtocol))
	}
	fmt.Printf("Verify return code: %s\n---\n", verify(state.PeerCertificates, name, set["CAfile"]))
}

// verify tells whether a chain is trusted by the certificates of a file, or of the container's system.
func verify(chain []*x509.Certificate, name, file string) string {
	options := x509.VerifyOptions{DNSName: name, Intermediates: x509.NewCertPool()}
	if file == "" {
		options.Roots = systemRoots()
	} else {
		text, err := os.ReadFile(file)
		if err != nil {
			return tool.Reason(err).Error()
		}
		options.Roots = x509.NewCertPool()
		options.Roots.AppendCertsFromPEM(text)
	}
	for _, c := range chain[1:] {
		options.Intermediates.AddCert(c)
	}
	if _, err := chain[0].Verify(options); err != nil {
		return tool.Printable(err.Error())
	}
	return "0 (ok)"
}

const opensslTime = "Jan _2 15:04:05 2006 GMT"

func keyText(c *x509.Certificate) string {
	size := 0
	switch key := c.PublicKey.(type) {
	case *rsa.PublicKey:
		size = key.N.BitLen()
	case *ecdsa.PublicKey:
		size = key.Params().BitSize
	case ed25519.PublicKey:
		size = 256
	}
	return fmt.Sprintf("PKEY: %s, %d (bit); sigalg: %s", c.PublicKeyAlgorithm, size, c.SignatureAlgorithm)
}

// certificate shows a certificate of a file or of standard input.
func certificate(args []string) int {
	set, rest, err := singleDash(args, "in", "inform", "outform", "out", "checkend", "nameopt")
	if err != nil {
		tool.Complain("openssl", err)
		return tool.Usage
	}
	if set["in"] == "" && len(rest) > 0 {
		set["in"] = rest[0]
	}
	in := io.Reader(bufio.NewReader(os.Stdin))
	if set["in"] != "" {
		file, err := os.Open(set["in"])
		if err != nil {
			return tool.Complain("openssl", err)
		}
		defer file.Close()
		in = file
	}
	text, err := io.ReadAll(io.LimitReader(in, 16<<20))
	if err == nil && !strings.EqualFold(set["inform"], "der") {
		block, _ := pem.Decode(text)
		for rest := text; block != nil && block.Type != "CERTIFICATE"; {
			block, rest = pem.Decode(rest)
		}
		switch {
		case block != nil:
			text = block.Bytes
		case len(text) == 0 || text[0] != 0x30:
			err = errors.New("there is no certificate in PEM")
		}
	}
	var c *x509.Certificate
	if err == nil {
		c, err = x509.ParseCertificate(text)
	}
	if err != nil {
		return tool.Complain("openssl", err)
	}
	return showCertificate(c, set)
}

func showCertificate(c *x509.Certificate, set map[string]string) int {
	if has(set, "text") {
		printCertificate(c)
	}
	for _, part := range []struct{ option, text string }{
		{"serial", fmt.Sprintf("serial=%X", c.SerialNumber)},
		{"subject", "subject=" + c.Subject.String()},
		{"issuer", "issuer=" + c.Issuer.String()},
		{"ext", "subjectAltName=" + names2(c)},
	} {
		if has(set, part.option) {
			fmt.Println(tool.Printable(part.text))
		}
	}
	if has(set, "dates") || has(set, "startdate") {
		fmt.Println("notBefore=" + c.NotBefore.UTC().Format(opensslTime))
	}
	if has(set, "dates") || has(set, "enddate") {
		fmt.Println("notAfter=" + c.NotAfter.UTC().Format(opensslTime))
	}
	if has(set, "fingerprint") {
		if has(set, "sha256") {
			fmt.Printf("sha256 Fingerprint=%s\n", colons(sha256.Sum256(c.Raw)))
		} else {
			fmt.Printf("SHA1 Fingerprint=%s\n", colons(sha1.Sum(c.Raw))) //nolint:gosec // as openssl's
		}
	}
	if !has(set, "noout") {
		_ = pem.Encode(os.Stdout, &pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})
	}
	if text, ok := set["checkend"]; ok {
		seconds, err := time.ParseDuration(text + "s")
		if err != nil {
			return tool.Complain("openssl", fmt.Errorf("%q is no number", text))
		}
		if time.Now().Add(seconds).After(c.NotAfter) {
			fmt.Println("Certificate will expire")
			return 1
		}
		fmt.Println("Certificate will not expire")
	}
	return 0
}

func colons[T ~[20]byte | ~[32]byte](sum T) string {
	var out []string
	for i := range len(sum) {
		out = append(out, fmt.Sprintf("%02X", sum[i]))
	}
	return strings.Join(out, ":")
}

func names2(c *x509.Certificate) string {
	var list []string
	for _, name := range c.DNSNames {
		list = append(list, "DNS:"+name)
	}
	for _, ip := range c.IPAddresses {
		list = append(list, "IP Address:"+ip.String())
	}
	for _, mail := range c.EmailAddresses {
		list = append(list, "email:"+mail)
	}
	for _, uri := range c.URIs {
		list = append(list, "URI:"+uri.String())
	}
	return strings.Join(list, ", ")
}

func printCertificate(c *x509.Certificate) {
	fmt.Printf("Certificate:\n    Version: %d\n    Serial Number: %x\n    Signature Algorithm: %s\n    Issuer: %s\n    Validity\n        Not Before: %s\n        Not After : %s\n    Subject: %s\n    Public Key: %s\n",
		c.Version, c.SerialNumber, c.SignatureAlgorithm, tool.Printable(c.Issuer.String()), c.NotBefore.UTC().Format(opensslTime), c.NotAfter.UTC().Format(opensslTime),
		tool.Printable(c.Subject.String()), keyText(c))
	if list := names2(c); list != "" {
		fmt.Println("    Subject Alternative Name:", tool.Printable(list))
	}
	if c.BasicConstraintsValid {
		fmt.Printf("    Basic Constraints: CA:%v\n", c.IsCA)
	}
	var uses []string
	for i, name := range []string{"Digital Signature", "Content Commitment", "Key Encipherment", "Data Encipherment", "Key Agreement", "Certificate Sign", "CRL Sign"} {
		if c.KeyUsage&(1<<i) != 0 {
			uses = append(uses, name)
		}
	}
	for _, use := range c.ExtKeyUsage {
		if name, ok := map[x509.ExtKeyUsage]string{x509.ExtKeyUsageServerAuth: "TLS Server", x509.ExtKeyUsageClientAuth: "TLS Client", x509.ExtKeyUsageCodeSigning: "Code Signing"}[use]; ok {
			uses = append(uses, name)
		}
	}
	if len(uses) > 0 {
		fmt.Println("    Usage:", strings.Join(uses, ", "))
	}
	for _, url := range c.OCSPServer {
		fmt.Println("    OCSP:", tool.Printable(url))
	}
}
