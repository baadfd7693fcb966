package capture

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/capture/decode"
	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/capture/filter"
	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/tool"
)

// call is a call of tcpdump.
type call struct {
	device, read, write, expression, file, direction string
	count, snap, numbers, stamps                     int
	counts, list, still                              bool
	show                                             decode.Options
	printed                                          int
}

// Tcpdump captures packets and prints them.
func Tcpdump(args []string) int {
	c := &call{}
	f := tool.Flags("tcpdump", "[OPTIONS] [EXPRESSION]")
	f.StringVarP(&c.device, "interface", "i", "", "the interface; any is all of them")
	f.BoolVarP(&c.list, "list-interfaces", "D", false, "print the interfaces")
	f.IntVarP(&c.count, "max-count", "c", 0, "end after so many packets")
	f.BoolVar(&c.counts, "count", false, "print the number of packets only")
	f.CountVarP(&c.numbers, "numeric", "n", "addresses and ports instead of names")
	f.IntVarP(&c.snap, "snapshot-length", "s", 262144, "the bytes of a packet to keep")
	f.StringVarP(&c.read, "read", "r", "", "read the packets from a file; - is standard input")
	f.StringVarP(&c.write, "write", "w", "", "write the packets to a file; - is standard output")
	f.StringVarP(&c.file, "filter-file", "F", "", "a file with the expression")
	f.StringVarP(&c.direction, "direction", "Q", "inout", "packets that come in, go out, or both: in, out, inout")
	f.BoolVarP(&c.still, "no-promiscuous-mode", "p", false, "no packets for others")
	f.CountVarP(&c.stamps, "time", "t", "no time; -tt seconds, -ttt since the last packet, -tttt with the date, -ttttt since the first")
	f.CountVarP(&c.show.Verbose, "verbose", "v", "print more")
	f.BoolVarP(&c.show.Quiet, "quiet", "q", false, "print less")
	f.BoolVarP(&c.show.Link, "link-level", "e", false, "print the link's header")
	f.BoolVarP(&c.show.Absolute, "absolute-tcp-sequence-numbers", "S", false, "sequence numbers as they are sent")
	f.BoolVarP(&c.show.Number, "number", "#", false, "print the packet's number")
	f.BoolVarP(&c.show.ASCII, "ascii", "A", false, "print the packet as text")
	f.CountVarP(&c.show.Hex, "hex", "x", "print the packet in hexadecimal; -xx with the link's header")
	f.CountVarP(&c.show.Both, "hex-ascii", "X", "print it in hexadecimal and as text; -XX with the link's header")
	f.BoolP("line-buffered", "l", false, "write each line at once (always)")
	f.BoolP("packet-buffered", "U", false, "write each packet at once (always)")
	f.BoolP("no-optimize", "O", false, "nothing (filters are not optimized)")
	f.BoolP("dont-verify-checksums", "K", false, "nothing (checksums are not verified)")
	if status, ok := tool.Parse(f, args); !ok {
		return status
	}
	if c.snap == 0 || c.snap > longest {
		c.snap = longest
	}
	if c.snap < 0 || c.count < 0 || c.direction != "in" && c.direction != "out" && c.direction != "inout" {
		return tool.Misused(f)
	}
	c.expression = strings.Join(f.Args(), " ")
	if err := c.run(); err != nil {
		return tool.Complain("tcpdump", err)
	}
	return 0
}

func (c *call) run() error {
	if c.list {
		return listDevices()
	}
	if c.file != "" {
		var err error
		if c.expression, err = filterFile(c.file); err != nil {
			return err
		}
	}
	names := newNames(c.numbers > 0)
	if c.read != "" {
		from, err := openSaved(c.read)
		if err != nil {
			return err
		}
		program, err := filter.Compile(c.expression, links[from.link()].filter, names.forFilter())
		if err != nil {
			return err
		}
		fmt.Fprintf(os.Stderr, "reading from file %s, link-type %s\n", tool.Printable(c.read), links[from.link()].name)
		choice, err := filter.NewMatcher(program)
		if err != nil {
			return err
		}
		c.snap = longest
		return c.packets(from, choice, names)
	}
	var err error
	if c.device, err = device(c.device); err != nil {
		return err
	}
	from, err := openLive(c.device)
	if err != nil {
		return err
	}
	from.in, from.out = c.direction != "out", c.direction != "in"
	program, err := filter.Compile(c.expression, links[from.link()].filter, names.forFilter())
	if err == nil {
		err = names.check()
	}
	var choice *filter.Matcher
	if err == nil {
		choice, err = from.start(program, !c.still)
	}
	if err != nil {
		return err
	}
	if c.show.Verbose == 0 && c.write == "" {
		fmt.Fprintln(os.Stderr, "tcpdump: verbose output suppressed, use -v[v]... for full protocol decode")
	}
	fmt.Fprintf(os.Stderr, "%slistening on %s, link-type %s, snapshot length %d bytes\n", map[bool]string{true: "tcpdump: "}[c.write != ""],
		tool.Printable(c.device), links[from.link()].name, c.snap)
	err = c.packets(from, choice, names)
	received, dropped := from.statistics()
	fmt.Fprintf(os.Stderr, "%s captured\n%s received by filter\n%s dropped by kernel\n", plural(c.printed), plural(max(int(received), c.printed)), plural(int(dropped)))
	return err
}

// filterFile reads the expression of -F, which is no longer than an argument can be.
func filterFile(name string) (string, error) {
	const most = 128 << 10
	file, err := tool.Open(name)
	if err != nil {
		return "", err
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, most+1))
	if err == nil && len(text) > most {
		err = fmt.Errorf("%s: the filter is longer than %d bytes", tool.Printable(name), most)
	}
	return string(text), err
}

func plural(n int) string {
	if n == 1 {
		return "1 packet"
	}
	return fmt.Sprintf("%d packets", n)
}

// packets prints or writes the packets that are chosen until there are no more, or enough.
func (c *call) packets(from source, choice *filter.Matcher, names *names) (err error) {
	var to *file
	if c.write != "" {
		if to, err = newFile(c.write, from.link(), c.snap); err != nil {
			return err
		}
	}
	link := links[from.link()]
	c.show.Names, c.show.Stamps = names.forPackets(), c.stamps
	printer := decode.New(c.show, uint32(from.link()), link.header)
	for c.count == 0 || c.printed < c.count {
		p, err := from.read()
		if errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return err
		}
		if !choice.Chooses(p.Data, p.Length) {
			continue
		}
		c.printed++
		p.Data = p.Data[:min(len(p.Data), c.snap)]
		switch {
		case to != nil:
			err = to.write(p)
		case !c.counts:
			tool.Print(printer.Packet(p.At, p.Data, p.Length))
		}
		if err != nil {
			return err
		}
		if tool.OutputFailed() {
			return nil
		}
	}
	if c.counts {
		tool.Println(plural(c.printed))
	}
	return nil
}
