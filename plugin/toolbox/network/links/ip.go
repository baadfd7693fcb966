// Package links is the part of the toolbox's ip that shows something, and route.
package links

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/vishvananda/netlink"

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/tool"
)

// ip is a call of ip that shows something.
type ip struct {
	family                  int
	brief, stats, details   bool
	oneLine, json, indented bool

	up           bool
	device       string
	kind, master string // of links
	table        string // of routes
	protocol     string
	prefix       string
}

// objects are what can be shown. The first that begins with a word is meant, as for iproute2.
var objects = []string{"address", "link", "route", "rule", "neighbour", "neighbor"}

// object returns the whole word, or nothing.
func object(word string) string {
	for _, full := range objects {
		if word != "" && strings.HasPrefix(full, word) {
			return full
		}
	}
	return ""
}

// ShowsIP reports whether a call of ip only shows addresses, links, routes, rules or neighbours, which Ip does. What
// changes them is for u-root's ip.
func ShowsIP(args []string) bool {
	for len(args) > 0 && strings.HasPrefix(args[0], "-") {
		if args[0] == "-f" || args[0] == "-family" {
			args = args[min(1, len(args)-1):]
		}
		args = args[1:]
	}
	if len(args) == 0 || object(args[0]) == "" {
		return false
	}
	return len(args) == 1 || slices.Contains(showing, args[1]) || args[1] == "dev" || object(args[0]) == "route" && args[1] == "get"
}

// showing are the words for "show".
var showing = []string{"show", "list", "ls", "sh", "s", "l", "lst"}

// Ip shows addresses, links, routes, rules or neighbours.
func Ip(args []string) int { //nolint:revive // the tool's name
	c := &ip{family: netlink.FAMILY_ALL}
	rest, err := c.options(args)
	if err != nil {
		return tool.Refuse("ip", err)
	}
	object, rest := object(rest[0]), rest[1:]
	if object == "route" && len(rest) > 0 && rest[0] == "get" {
		err = c.get(rest[1:])
	} else {
		if err := c.filters(object, rest); err != nil {
			return tool.Refuse("ip", err)
		}
		err = c.show(object)
	}
	if err != nil {
		return tool.Complain("ip", err)
	}
	return 0
}

func (c *ip) show(object string) error {
	switch object {
	case "address":
		return c.links(true)
	case "link":
		return c.links(false)
	case "route":
		return c.routes()
	case "rule":
		return c.rules()
	}
	return c.neighbours()
}

// options reads the options before the object. One that is not known is refused.
func (c *ip) options(args []string) (rest []string, err error) {
	for len(args) > 0 && strings.HasPrefix(args[0], "-") {
		option := strings.TrimLeft(args[0], "-")
		if (option == "f" || option == "family") && len(args) > 1 {
			option, args = map[string]string{"inet": "4", "inet6": "6"}[args[1]], args[1:]
		}
		switch option {
		case "4":
			c.family = netlink.FAMILY_V4
		case "6":
			c.family = netlink.FAMILY_V6
		case "br", "brief":
			c.brief = true
		case "o", "oneline":
			c.oneLine = true
		case "s", "stats", "statistics":
			c.stats = true
		case "d", "details":
			c.details = true
		case "j", "json":
			c.json = true
		case "p", "pretty":
			c.indented = true
		case "c", "color", "color=auto", "color=never", "N", "Numeric": // no colors are shown, and no names of numbers
		default:
			return nil, fmt.Errorf("option %s is not supported here", tool.Printable(args[0]))
		}
		args = args[1:]
	}
	if len(args) == 0 {
		return nil, errors.New("there is nothing to show")
	}
	return args, nil
}

// filters reads what follows the object.
func (c *ip) filters(object string, rest []string) error {
	if len(rest) > 0 && slices.Contains(showing, rest[0]) {
		rest = rest[1:]
	}
	isLink := object == "address" || object == "link"
	values := map[string]*string{"dev": &c.device}
	switch {
	case isLink:
		values["type"], values["master"] = &c.kind, &c.master
	case object == "route":
		values["table"], values["proto"], values["protocol"] = &c.table, &c.protocol, &c.protocol
	case object == "rule":
		values = map[string]*string{"table": &c.table, "lookup": &c.table}
	}
	for i := 0; i < len(rest); i++ {
		word := rest[i]
		to, ok := values[word]
		switch {
		case ok && i+1 < len(rest):
			i++
			*to = rest[i]
		case word == "up" && isLink:
			c.up = true
		case object == "route" && isPrefix(word):
			c.prefix = word
		case isLink && len(rest) == 1 && !ok && !slices.Contains([]string{"vrf", "scope", "to", "label", "dynamic", "permanent", "group", "nomaster"}, word):
			c.device = word
		default:
			return fmt.Errorf("%q is not supported here: ip %s show [dev DEVICE]", word, object)
		}
	}
	return nil
}

// print prints a list for programs.
func (c *ip) print(list any) error {
	text, err := json.Marshal(list)
	if c.indented {
		text, err = json.MarshalIndent(list, "", "    ")
	}
	if err != nil {
		return err
	}
	tool.Println(string(text))
	return nil
}

// printRows prints a line for each row, or all of them for -j.
func printRows[row any, printed interface {
	*row
	text() string
}](c *ip, rows []row) error {
	if c.json {
		return c.print(rows)
	}
	for i := range rows {
		tool.Println(printed(&rows[i]).text())
	}
	return nil
}
