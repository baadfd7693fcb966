// Package names makes the files from which programs learn names: resolv.conf(5), hosts(5), hostname(5) and
// nsswitch.conf(5). It makes them from what an engine says about a container, as Docker does, or from a
// container's own files, of which it believes nothing but valid lines. It does no I/O.
package names

import "strings"

// MaxFile limits each file, in bytes.
const MaxFile = 64 << 10

// maxLine limits a line of a container's file, in bytes.
const maxLine = 1024

// The paths of the files.
const (
	ResolvConf = "/etc/resolv.conf"
	HostsFile  = "/etc/hosts"
	Hostname   = "/etc/hostname"
	Nsswitch   = "/etc/nsswitch.conf"
)

// Paths returns the paths of the files that name whoever runs in a container.
func Paths() []string { return []string{ResolvConf, HostsFile, Hostname} }

// ValidName reports whether s can be a name in hosts(5) or a domain in resolv.conf(5): letters, digits, hyphens,
// underscores and dots, at most 253 bytes. Docker checks neither of them, so they could contain line breaks.
func ValidName(s string) bool {
	const longest = 253
	if s == "" || len(s) > longest || strings.HasPrefix(s, "-") {
		return false
	}
	const valid = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_."
	return strings.Trim(s, valid) == ""
}

// isLocal reports whether a name means the machine itself, by RFC 6761 or by custom.
func isLocal(name string) bool {
	name = strings.TrimSuffix(strings.ToLower(name), ".")
	switch name {
	case "localhost", "localhost.localdomain", "localhost4", "localhost6", "ip6-localhost", "ip6-loopback":
		return true
	}
	return strings.HasSuffix(name, ".localhost")
}

// lines returns the lines of a container's file that have a meaning, as words without comments. Lines that
// could be read differently by different programs are dropped and counted.
func lines(text string) (list [][]string, dropped int) {
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\r\n")
		before, _, _ := strings.Cut(line, "#")
		if strings.HasPrefix(before, ";") {
			continue
		}
		words := strings.Fields(before)
		switch {
		case len(words) == 0:
		case len(line) > maxLine || strings.IndexFunc(before, func(r rune) bool { return r != '\t' && (r < ' ' || r > '~') }) >= 0:
			dropped++
		default:
			list = append(list, words)
		}
	}
	return list, dropped
}
