package main

import (
	"os"
	"strings"
	"time"

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/accounts"
)

// guard keeps package time from files of the container that can't be what they should be. By itself it would open the
// file that TZ names, or else /etc/localtime, and would wait for a FIFO there.
func guard() { time.Local = zone(os.LookupEnv("TZ")) }

// zoneDirs are where zones are, in the order of package time.
var zoneDirs = []string{"/usr/share/zoneinfo/", "/usr/share/lib/zoneinfo/", "/usr/lib/locale/TZ/", "/etc/zoneinfo/"}

// zone returns the zone that TZ names, as package time would, or UTC if it can't be read.
func zone(name string, set bool) *time.Location {
	name = strings.TrimPrefix(name, ":")
	files := []string{name}
	switch {
	case !set:
		name, files = "Local", []string{"/etc/localtime"}
	case name == "" || name == "UTC":
		return time.UTC
	case name[0] != '/':
		files = nil
		for _, dir := range zoneDirs {
			files = append(files, dir+name)
		}
	}
	for _, file := range files {
		text, err := accounts.ReadFile(file)
		if err != nil {
			continue
		}
		if location, err := time.LoadLocationFromTZData(name, []byte(text)); err == nil {
			return location
		}
	}
	return time.UTC
}
