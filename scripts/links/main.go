// links checks the Markdown files of this repository: relative links lead to files and headings that
// exist, and so do paths in code spans that begin with a directory of the repository.
package main

import (
	"fmt"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"unicode"
)

var (
	link    = regexp.MustCompile(`\]\(([^()\s]+)\)`)
	heading = regexp.MustCompile(`(?m)^#+ +(.*)$`)
	span    = regexp.MustCompile("`((?:pkg|plugin|scripts|docs)/[A-Za-z0-9_./-]+)`")
	fence   = regexp.MustCompile("(?ms)^```.*?^```$")
)

func main() {
	log.SetFlags(0)
	log.SetPrefix("links: ")
	out, err := exec.Command("git", "ls-files", "--cached", "--others", "--exclude-standard", "*.md").Output()
	if err != nil {
		log.Fatalf("git ls-files: %v", err)
	}
	broken := false
	for file := range strings.Lines(string(out)) {
		file = strings.TrimSpace(file)
		text, err := os.ReadFile(file)
		if err != nil {
			log.Fatal(err)
		}
		for _, complaint := range check(file, fence.ReplaceAllString(string(text), "")) {
			fmt.Fprintf(os.Stderr, "links: %s: %s\n", file, complaint)
			broken = true
		}
	}
	if broken {
		os.Exit(1)
	}
}

// check returns what is wrong with the links and paths in the text of a file.
func check(file, text string) (complaints []string) {
	for _, match := range link.FindAllStringSubmatch(text, -1) {
		target, anchor, _ := strings.Cut(match[1], "#")
		if strings.Contains(target, ":") {
			continue // a URL
		}
		path := file
		if target != "" {
			path = filepath.Join(filepath.Dir(file), target)
		}
		info, err := os.Stat(path)
		switch {
		case err != nil:
			complaints = append(complaints, target+" does not exist")
		case anchor != "" && (info.IsDir() || !hasHeading(path, anchor)):
			complaints = append(complaints, target+" has no heading #"+anchor)
		}
	}
	for _, match := range span.FindAllStringSubmatch(text, -1) {
		path := strings.TrimSuffix(match[1], "/")
		if matches, _ := filepath.Glob(path); len(matches) == 0 {
			complaints = append(complaints, match[1]+" does not exist")
		}
	}
	return complaints
}

// hasHeading reports whether a file has a heading that GitHub gives this anchor.
func hasHeading(file, anchor string) bool {
	text, err := os.ReadFile(file)
	if err != nil {
		return false
	}
	for _, match := range heading.FindAllStringSubmatch(fence.ReplaceAllString(string(text), ""), -1) {
		if slug(match[1]) == anchor {
			return true
		}
	}
	return false
}

func slug(heading string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == ' ':
			return '-'
		case r == '-', r == '_', unicode.IsLetter(r), unicode.IsDigit(r):
			return unicode.ToLower(r)
		}
		return -1
	}, strings.TrimSpace(heading))
}
