package listing

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/pflag"
	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/files/units"
	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/files/wildcard"
	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/tool"
)

// lsChoices are options of ls whose values are words.
type lsChoices struct {
	sort, time, color, format, indicators, quoting, block string
	inOrder, human, si, controls                          bool
	literal, quotes, escape, zero, kilobytes              bool
}

// flags declares the options.
func (l *listing) flags(f *pflag.FlagSet) *lsChoices {
	c := &lsChoices{}
	f.BoolVarP(&l.all, "all", "a", false, "entries that begin with a dot too")
	f.BoolVarP(&l.almost, "almost-all", "A", false, "as -a, without . and ..")
	f.BoolVarP(&l.long, "long", "l", false, "modes, owners, sizes and times")
	f.BoolVarP(&l.numeric, "numeric-uid-gid", "n", false, "as -l, with numbers of owners")
	f.BoolVarP(&l.noOwner, "no-owner", "g", false, "as -l, without the owner")
	f.BoolVarP(&l.noGroup, "no-group-long", "o", false, "as -l, without the group")
	f.BoolVarP(&l.withoutGroup, "no-group", "G", false, "no group in -l")
	f.BoolVarP(&c.human, "human-readable", "h", false, "sizes such as 2.0K")
	f.BoolVar(&c.si, "si", false, "as -h, with powers of 1000")
	f.StringVar(&c.block, "block-size", "", "sizes in blocks of this size, such as M")
	f.BoolVarP(&c.kilobytes, "kibibytes", "k", false, "blocks of 1024 bytes (the default)")
	f.BoolVarP(&l.recursive, "recursive", "R", false, "directories too")
	f.BoolVarP(&l.reverse, "reverse", "r", false, "reverse the order")
	f.BoolVarP(&l.directory, "directory", "d", false, "directories themselves")
	f.BoolVarP(&l.inode, "inode", "i", false, "numbers of inodes")
	f.BoolVarP(&l.blocks, "size", "s", false, "sizes in blocks of 1024 bytes")
	f.BoolVarP(&l.classify, "classify", "F", false, "a mark of the kind after the name")
	f.BoolVarP(&l.slash, "slash", "p", false, "a slash after directories")
	f.BoolVar(&l.types, "file-type", false, "as -F, without * for programs")
	f.StringVar(&c.indicators, "indicator-style", "", "none, slash (-p), file-type or classify (-F)")
	f.BoolVarP(&l.byTime, "time-order", "t", false, "newest first")
	f.BoolVarP(&l.bySize, "size-order", "S", false, "largest first")
	f.BoolVarP(&l.byExtension, "extension-order", "X", false, "by extension")
	f.BoolVarP(&l.byVersion, "version-order", "v", false, "numbers in names by their value")
	f.BoolVarP(&l.unsorted, "unsorted", "U", false, "as they are in the directory")
	f.BoolVarP(&c.inOrder, "directory-order", "f", false, "as -aU, without -l, -s and colors")
	f.StringVar(&c.sort, "sort", "", "by none, time, size, extension, version or name")
	f.BoolVarP(&l.oneLine, "one", "1", false, "a name a line")
	f.BoolVarP(&l.columns, "columns", "C", false, "names in columns")
	f.BoolVarP(&l.across, "across", "x", false, "names in lines")
	f.BoolVarP(&l.commas, "commas", "m", false, "names with commas between them")
	f.StringVar(&c.format, "format", "", "long, single-column, vertical (-C), across (-x) or commas (-m)")
	f.IntVarP(&l.width, "width", "w", -1, "columns of the screen; 0 is no limit")
	f.IntVarP(&l.tabs, "tabsize", "T", 8, "columns of a tab; 0 is without tabs")
	f.BoolVarP(&l.follow, "dereference", "L", false, "what links lead to")
	f.BoolVarP(&l.followArguments, "dereference-command-line", "H", false, "what links among the arguments lead to")
	f.BoolVarP(&l.atime, "atime", "u", false, "the time of the last access")
	f.BoolVarP(&l.ctime, "ctime", "c", false, "the time of the last change of the inode")
	f.StringVar(&c.time, "time", "", "the time to show: atime (-u), ctime (-c) or mtime")
	f.BoolVar(&l.fullISO, "full-time", false, "as -l, with full times")
	f.StringVar(&l.timeStyle, "time-style", "locale", "times as locale, iso, long-iso or full-iso has them, or +FORMAT")
	f.BoolVarP(&c.literal, "literal", "N", false, "names without quotes")
	f.BoolVarP(&c.quotes, "quote-name", "Q", false, "names in double quotes")
	f.BoolVarP(&c.escape, "escape", "b", false, "control characters and blanks as in C")
	f.StringVar(&c.quoting, "quoting-style", "", "literal (-N), shell-escape (the default at a terminal), c (-Q) or escape (-b)")
	f.BoolVarP(&c.controls, "hide-control-chars", "q", false, "? for control characters (the default)")
	f.BoolVar(&c.zero, "zero", false, "lines end with NUL")
	f.BoolVar(&l.directoriesFirst, "group-directories-first", false, "directories before files")
	f.BoolVarP(&l.noBackups, "ignore-backups", "B", false, "skip names that end with ~")
	f.StringArrayVarP(&l.ignore, "ignore", "I", nil, "skip names that match")
	f.StringArrayVar(&l.hide, "hide", nil, "skip names that match, unless -a or -A is given")
	f.StringVar(&c.color, "color", "never", "never, auto or always")
	f.Lookup("color").NoOptDefVal = "always"
	f.Lookup("classify").NoOptDefVal = "true"
	return c
}

// word is a row of a table of words that are options.
type word struct {
	name string
	set  *bool
}

// oneOf sets the option that a word stands for.
func oneOf(option, text string, words ...word) error {
	if text == "" {
		return nil
	}
	for _, w := range words {
		if w.name == text {
			*w.set = true
			return nil
		}
	}
	return fmt.Errorf("unknown value %q of --%s", text, option)
}

// choose takes the options whose values are words.
func (l *listing) choose(c *lsChoices) error {
	var none bool
	for _, err := range []error{
		oneOf("sort", c.sort, word{"none", &l.unsorted}, word{"time", &l.byTime}, word{"size", &l.bySize}, word{"extension", &l.byExtension}, word{"version", &l.byVersion}, word{"name", &none}),
		oneOf("format", c.format, word{"long", &l.long}, word{"verbose", &l.long}, word{"single-column", &l.oneLine}, word{"vertical", &l.columns}, word{"across", &l.across}, word{"horizontal", &l.across}, word{"commas", &l.commas}),
		oneOf("indicator-style", c.indicators, word{"none", &none}, word{"slash", &l.slash}, word{"file-type", &l.types}, word{"classify", &l.classify}),
		oneOf("time", c.time, word{"atime", &l.atime}, word{"access", &l.atime}, word{"use", &l.atime}, word{"ctime", &l.ctime}, word{"status", &l.ctime}, word{"mtime", &none}, word{"modification", &none}),
		oneOf("color", c.color, word{"never", &none}, word{"no", &none}, word{"none", &none}, word{"always", &l.color}, word{"yes", &l.color}, word{"auto", &none}, word{"tty", &none}),
		l.quote(c),
	} {
		if err != nil {
			return err
		}
	}
	l.color = l.color || (c.color == "auto" || c.color == "tty") && tool.Terminal()
	if !strings.HasPrefix(l.timeStyle, "+") && !slices.Contains([]string{"locale", "iso", "long-iso", "full-iso"}, l.timeStyle) {
		return fmt.Errorf("unknown style of times %q", l.timeStyle)
	}
	if c.inOrder {
		l.all, l.unsorted, l.long, l.blocks, l.color = true, true, false, false, false
	}
	if l.end = "\n"; c.zero {
		l.end, l.color = "\x00", false
		l.oneLine = !l.long
	}
	switch {
	case c.si:
		l.units.Human = units.SI
	case c.human:
		l.units.Human = units.Human
	case c.block != "":
		if err := l.units.Set(c.block); err != nil {
			return err
		}
	}
	l.screen()
	l.long = l.long || l.numeric || l.noOwner || l.noGroup || l.fullISO
	return nil
}

// quote chooses how names are quoted.
func (l *listing) quote(c *lsChoices) error {
	l.style = "literal"
	if tool.Terminal() && !c.zero {
		l.style = "shell"
	}
	switch {
	case c.quotes:
		c.quoting = "c"
	case c.escape:
		c.quoting = "escape"
	case c.literal || c.controls:
		c.quoting = "literal"
	}
	switch c.quoting {
	case "":
	case "literal", "c", "escape":
		l.style = c.quoting
	case "shell", "shell-escape":
		l.style = "shell"
	default:
		return fmt.Errorf("unknown value %q of --quoting-style", c.quoting)
	}
	return nil
}

// screen finds out how wide the screen is, if it was not said.
func (l *listing) screen() {
	if l.width >= 0 {
		return
	}
	l.width = 80
	if size, err := unix.IoctlGetWinsize(1, unix.TIOCGWINSZ); err == nil && size.Col > 0 {
		l.width = int(size.Col)
	}
}

// hidden reports whether a name of a directory is not listed.
func (l *listing) hidden(name string) bool {
	all := l.all || l.almost
	return name[0] == '.' && !all || !all && wildcard.MatchAny(l.hide, name) || wildcard.MatchAny(l.ignore, name) ||
		l.noBackups && strings.HasSuffix(name, "~")
}
