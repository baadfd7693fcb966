package certs

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"fmt"
	"math/big"
	"net"
	"strings"

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/tool"
)

// printer writes a certificate as openssl x509 -text does.
type printer struct{ out strings.Builder }

// line writes a line, indented by spaces. It comes from a stranger.
func (p *printer) line(indent int, format string, args ...any) {
	p.out.WriteString(strings.Repeat(" ", indent))
	p.out.WriteString(tool.Printable(fmt.Sprintf(format, args...)))
	p.out.WriteByte('\n')
}

// hex writes bytes in lines of so many.
func (p *printer) hex(indent, width int, b []byte) {
	for len(b) > 0 {
		n := min(width, len(b))
		end := ""
		if n < len(b) {
			end = ":"
		}
		p.line(indent, "%s%s", strings.ToLower(colons(b[:n])), end)
		b = b[n:]
	}
}

// attributes are the short names of what a name consists of.
var attributes = map[string]string{
	"2.5.4.3": "CN", "2.5.4.4": "SN", "2.5.4.5": "serialNumber", "2.5.4.6": "C", "2.5.4.7": "L", "2.5.4.8": "ST", "2.5.4.9": "street", "2.5.4.10": "O",
	"2.5.4.11": "OU", "2.5.4.12": "title", "2.5.4.15": "businessCategory", "2.5.4.17": "postalCode", "2.5.4.42": "GN", "2.5.4.97": "organizationIdentifier",
	"1.2.840.113549.1.9.1": "emailAddress", "0.9.2342.19200300.100.1.25": "DC", "0.9.2342.19200300.100.1.1": "UID",
	"1.3.6.1.4.1.311.60.2.1.3": "jurisdictionC", "1.3.6.1.4.1.311.60.2.1.2": "jurisdictionST", "1.3.6.1.4.1.311.60.2.1.1": "jurisdictionL",
}

// nameText writes a name in its order, as openssl does.
func nameText(raw []byte) string {
	var name pkix.RDNSequence
	if _, err := asn1.Unmarshal(raw, &name); err != nil {
		return "?"
	}
	var parts []string
	for _, set := range name {
		var values []string
		for _, one := range set {
			key, ok := attributes[one.Type.String()]
			if !ok {
				key = one.Type.String()
			}
			value := fmt.Sprint(one.Value)
			if strings.ContainsAny(value, `,+"<>;`) || strings.HasPrefix(value, " ") || strings.HasPrefix(value, "#") || strings.HasSuffix(value, " ") {
				value = `"` + strings.ReplaceAll(value, `"`, `\"`) + `"`
			}
			values = append(values, key+"="+value)
		}
		parts = append(parts, strings.Join(values, " + "))
	}
	return strings.Join(parts, ", ")
}

// algorithms are openssl's names of signatures.
var algorithms = map[x509.SignatureAlgorithm]string{
	x509.SHA1WithRSA: "sha1WithRSAEncryption", x509.SHA256WithRSA: "sha256WithRSAEncryption", x509.SHA384WithRSA: "sha384WithRSAEncryption",
	x509.SHA512WithRSA: "sha512WithRSAEncryption", x509.ECDSAWithSHA1: "ecdsa-with-SHA1", x509.ECDSAWithSHA256: "ecdsa-with-SHA256",
	x509.ECDSAWithSHA384: "ecdsa-with-SHA384", x509.ECDSAWithSHA512: "ecdsa-with-SHA512", x509.PureEd25519: "ED25519", x509.MD5WithRSA: "md5WithRSAEncryption",
	x509.SHA256WithRSAPSS: "rsassaPss", x509.SHA384WithRSAPSS: "rsassaPss", x509.SHA512WithRSAPSS: "rsassaPss",
}

// certificateText returns a certificate as text.
func certificateText(c *x509.Certificate) string {
	p := &printer{}
	algorithm, ok := algorithms[c.SignatureAlgorithm]
	if !ok {
		algorithm = c.SignatureAlgorithm.String()
	}
	p.line(0, "Certificate:")
	p.line(4, "Data:")
	p.line(8, "Version: %d (0x%x)", c.Version, c.Version-1)
	if c.SerialNumber.IsInt64() {
		p.line(8, "Serial Number: %d (0x%x)", c.SerialNumber, c.SerialNumber)
	} else {
		p.line(8, "Serial Number:")
		p.line(12, "%s", strings.ToLower(colons(c.SerialNumber.Bytes())))
	}
	p.line(8, "Signature Algorithm: %s", algorithm)
	p.line(8, "Issuer: %s", nameText(c.RawIssuer))
	p.line(8, "Validity")
	p.line(12, "Not Before: %s", c.NotBefore.UTC().Format(opensslTime))
	p.line(12, "Not After : %s", c.NotAfter.UTC().Format(opensslTime))
	p.line(8, "Subject: %s", nameText(c.RawSubject))
	p.line(8, "Subject Public Key Info:")
	p.key(c)
	if len(c.Extensions) > 0 {
		p.line(8, "X509v3 extensions:")
	}
	for _, e := range c.Extensions {
		p.extension(c, e)
	}
	p.line(4, "Signature Algorithm: %s", algorithm)
	p.line(4, "Signature Value:")
	p.hex(8, 18, c.Signature)
	return p.out.String()
}

// key writes the public key.
func (p *printer) key(c *x509.Certificate) {
	switch k := c.PublicKey.(type) {
	case *rsa.PublicKey:
		p.line(12, "Public Key Algorithm: rsaEncryption")
		p.line(16, "Public-Key: (%d bit)", k.N.BitLen())
		p.line(16, "Modulus:")
		p.hex(20, 15, signed(k.N))
		p.line(16, "Exponent: %d (0x%x)", k.E, k.E)
	case *ecdsa.PublicKey:
		p.line(12, "Public Key Algorithm: id-ecPublicKey")
		p.line(16, "Public-Key: (%d bit)", k.Params().BitSize)
		p.line(16, "pub:")
		if b, err := k.Bytes(); err == nil {
			p.hex(20, 15, b)
		}
		names := map[elliptic.Curve][2]string{
			elliptic.P224(): {"secp224r1", "P-224"}, elliptic.P256(): {"prime256v1", "P-256"}, elliptic.P384(): {"secp384r1", "P-384"}, elliptic.P521(): {"secp521r1", "P-521"},
		}
		if name, ok := names[k.Curve]; ok {
			p.line(16, "ASN1 OID: %s", name[0])
			p.line(16, "NIST CURVE: %s", name[1])
		}
	case ed25519.PublicKey:
		p.line(12, "Public Key Algorithm: ED25519")
		p.line(16, "ED25519 Public-Key:")
		p.line(16, "pub:")
		p.hex(20, 15, k)
	default:
		p.line(12, "Public Key Algorithm: %s", c.PublicKeyAlgorithm)
	}
}

// signed returns a number as DER has it: with a zero in front if the first bit is set.
func signed(n *big.Int) []byte {
	b := n.Bytes()
	if len(b) > 0 && b[0] >= 0x80 {
		b = append([]byte{0}, b...)
	}
	return b
}

// extensionNames are openssl's names of extensions.
var extensionNames = map[string]string{
	"2.5.29.14": "X509v3 Subject Key Identifier", "2.5.29.15": "X509v3 Key Usage", "2.5.29.17": "X509v3 Subject Alternative Name", "2.5.29.19": "X509v3 Basic Constraints",
	"2.5.29.30": "X509v3 Name Constraints", "2.5.29.31": "X509v3 CRL Distribution Points", "2.5.29.32": "X509v3 Certificate Policies",
	"2.5.29.35": "X509v3 Authority Key Identifier", "2.5.29.37": "X509v3 Extended Key Usage", "1.3.6.1.5.5.7.1.1": "Authority Information Access",
	"1.3.6.1.4.1.11129.2.4.2": "CT Precertificate SCTs", "1.3.6.1.5.5.7.1.24": "TLS Feature",
}

func (p *printer) extension(c *x509.Certificate, e pkix.Extension) {
	id := e.Id.String()
	name, ok := extensionNames[id]
	if !ok {
		name = id
	}
	p.line(12, "%s: %s", name, map[bool]string{true: "critical"}[e.Critical])
	switch id {
	case "2.5.29.14":
		p.line(16, "%s", colons(c.SubjectKeyId))
	case "2.5.29.15":
		p.line(16, "%s", strings.Join(keyUses(c.KeyUsage), ", "))
	case "2.5.29.17":
		p.line(16, "%s", alternatives(c))
	case "2.5.29.19":
		text := "CA:FALSE"
		if c.IsCA {
			text = "CA:TRUE"
		}
		if c.MaxPathLen > 0 || c.MaxPathLenZero {
			text += fmt.Sprintf(", pathlen:%d", c.MaxPathLen)
		}
		p.line(16, "%s", text)
	case "2.5.29.31":
		for _, url := range c.CRLDistributionPoints {
			p.line(16, "Full Name:")
			p.line(18, "URI:%s", url)
		}
	case "2.5.29.32":
		for _, policy := range c.PolicyIdentifiers {
			p.line(16, "Policy: %s", policy)
		}
	case "2.5.29.35":
		p.line(16, "%s", colons(c.AuthorityKeyId))
	case "2.5.29.37":
		p.line(16, "%s", strings.Join(extendedUses(c), ", "))
	case "1.3.6.1.5.5.7.1.1":
		for _, url := range c.OCSPServer {
			p.line(16, "OCSP - URI:%s", url)
		}
		for _, url := range c.IssuingCertificateURL {
			p.line(16, "CA Issuers - URI:%s", url)
		}
	default: // what is in it is not known here
		p.hex(16, 16, e.Value)
	}
}

func keyUses(uses x509.KeyUsage) (list []string) {
	for i, name := range []string{
		"Digital Signature", "Non Repudiation", "Key Encipherment", "Data Encipherment", "Key Agreement", "Certificate Sign", "CRL Sign", "Encipher Only", "Decipher Only",
	} {
		if uses&(1<<i) != 0 {
			list = append(list, name)
		}
	}
	return list
}

func extendedUses(c *x509.Certificate) (list []string) {
	names := map[x509.ExtKeyUsage]string{
		x509.ExtKeyUsageAny: "Any Extended Key Usage", x509.ExtKeyUsageServerAuth: "TLS Web Server Authentication", x509.ExtKeyUsageClientAuth: "TLS Web Client Authentication",
		x509.ExtKeyUsageCodeSigning: "Code Signing", x509.ExtKeyUsageEmailProtection: "E-mail Protection", x509.ExtKeyUsageTimeStamping: "Time Stamping", x509.ExtKeyUsageOCSPSigning: "OCSP Signing",
	}
	for _, use := range c.ExtKeyUsage {
		if name, ok := names[use]; ok {
			list = append(list, name)
		}
	}
	for _, id := range c.UnknownExtKeyUsage {
		list = append(list, id.String())
	}
	return list
}

// alternatives returns a certificate's other names. The order is that of their kinds: package x509 keeps no other.
func alternatives(c *x509.Certificate) string {
	var list []string
	for _, name := range c.DNSNames {
		list = append(list, "DNS:"+name)
	}
	for _, mail := range c.EmailAddresses {
		list = append(list, "email:"+mail)
	}
	for _, ip := range c.IPAddresses {
		list = append(list, "IP Address:"+address(ip))
	}
	for _, uri := range c.URIs {
		list = append(list, "URI:"+uri.String())
	}
	return strings.Join(list, ", ")
}

// address writes an address of IPv6 with all its zeros.
func address(ip net.IP) string {
	if four := ip.To4(); four != nil {
		return four.String()
	}
	parts := make([]string, 0, 8)
	for i := 0; i+1 < len(ip); i += 2 {
		parts = append(parts, fmt.Sprintf("%X", int(ip[i])<<8|int(ip[i+1])))
	}
	return strings.Join(parts, ":")
}
