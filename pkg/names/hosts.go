package names

import "strings"

// localLines are the first lines of each hosts file, as Docker writes them.
const localLines = "127.0.0.1\tlocalhost\n" +
	"::1\tlocalhost ip6-localhost ip6-loopback\n" +
	"fe00::0\tip6-localnet\n" +
	"ff00::0\tip6-mcastprefix\n" +
	"ff02::1\tip6-allnodes\n" +
	"ff02::2\tip6-allrouters\n"

// Host is a line of hosts(5).
type Host struct {
	Address string
	Names   []string
}

// Hosts returns a hosts file: the lines about localhost, then those of list that are valid and name no localhost.
// dropped counts the others, and those that the file has no room for.
func Hosts(list []Host) (text string, dropped int) {
	var b strings.Builder
	b.WriteString(localLines)
	for _, h := range list {
		line := h.Address + "\t" + strings.Join(h.Names, " ") + "\n"
		if !h.valid() || b.Len()+len(line) > MaxFile {
			dropped++
			continue
		}
		b.WriteString(line)
	}
	return b.String(), dropped
}

func (h Host) valid() bool {
	if !ValidAddress(h.Address) || len(h.Names) == 0 {
		return false
	}
	for _, name := range h.Names {
		if !ValidName(name) || isLocal(name) {
			return false
		}
	}
	return true
}

// CleanHosts returns the valid lines of a container's hosts file, and how many were dropped. Lines about localhost
// are never taken: the command would trust that name. The usual ones are added.
func CleanHosts(text string) (clean string, dropped int) {
	parsed, dropped := lines(text)
	var list []Host
	for _, words := range parsed {
		h := Host{Address: words[0], Names: words[1:]}
		if ValidAddress(h.Address) && strings.Contains(localLines, h.Address+"\t"+strings.Join(h.Names, " ")+"\n") {
			continue // the file has it
		}
		list = append(list, h)
	}
	clean, invalid := Hosts(list)
	return clean, dropped + invalid
}

// CleanHostname returns the name in a container's hostname file; ok is false if that is not valid.
func CleanHostname(text string) (clean string, ok bool) {
	name := strings.TrimSuffix(text, "\n")
	return name + "\n", ValidName(name) && !isLocal(name)
}

// hostsSource is the line that makes the C library, and programs that imitate it, use hosts(5) and then DNS.
const hostsSource = "hosts: files dns"

// FilesThenDNS returns an nsswitch.conf whose line about hosts says: the hosts file, then DNS. changed is false
// if it says that already.
func FilesThenDNS(text string) (result string, changed bool) {
	var b strings.Builder
	found := false
	for line := range strings.Lines(text) {
		before, _, _ := strings.Cut(line, "#")
		if name, _, ok := strings.Cut(before, ":"); !ok || strings.TrimSpace(name) != "hosts" {
			b.WriteString(line)
			continue
		}
		if strings.Join(strings.Fields(before), " ") == hostsSource && !found {
			found = true
			b.WriteString(line)
			continue
		}
		changed = true
		if !found {
			found = true
			b.WriteString(hostsSource + "\n")
		}
	}
	if !found {
		if b.Len() > 0 && !strings.HasSuffix(b.String(), "\n") {
			b.WriteString("\n")
		}
		b.WriteString(hostsSource + "\n")
		changed = true
	}
	return b.String(), changed
}
