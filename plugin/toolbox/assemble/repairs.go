package main

const (
	tcpdump    = "github.com/u-root/u-root/cmds/exp/tcpdump/main.go"
	tcpdumpAux = "github.com/u-root/u-root/cmds/exp/tcpdump/util.go"
)

// repairs are changes to other modules that their maintainers could take over as they are. What they need beyond the
// module is in package capture.
var repairs = []struct{ file, old, new string }{
	// tcpdump -c 2 printed one packet: the last one ended it instead. With -w, packets go to a file.
	{tcpdump, `			if cmd.Opts.CountPkg > 0 && capturedPackets >= cmd.Opts.CountPkg {
				return nil
			}

			if !cmd.Opts.Count {`, `			if file != nil {
				if err := file.Write(packet); err != nil {
					return err
				}
			} else if !cmd.Opts.Count {`},
	{tcpdump, `					timeStamp = pkgTime
				}
			}
`, `					timeStamp = pkgTime
				}
			}
			if cmd.Opts.CountPkg > 0 && capturedPackets >= cmd.Opts.CountPkg {
				return nil
			}
`},
	{tcpdump, `	var (
		capturedPackets int`, `	var file *capture.File
	if cmd.Opts.Write != "" {
		if file, err = capture.NewFile(cmd.Opts.Write, cmd.Opts.SnapshotLength); err != nil {
			return err
		}
	}
	var (
		capturedPackets int`},
	{tcpdump, `type flags struct {
`, `type flags struct {
	Write    string
	HexASCII bool
`},
	{tcpdump, `	"github.com/sirupsen/logrus"
`, `	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/capture"
	"github.com/sirupsen/logrus"
`},
	// Messages would be in the middle of a file that -w writes to standard output.
	{tcpdump, `fmt.Fprintf(cmd.Out, "tcpdump: verbose output suppressed, use -v for full protocol decode\nlistening`, `fmt.Fprintf(os.Stderr, "tcpdump: verbose output suppressed, use -v for full protocol decode\nlistening`},
	{tcpdump, `fmt.Fprintf(cmd.Out, "\n%d packets captured\n"`, `fmt.Fprintf(os.Stderr, "\n%d packets captured\n"`},
	// -n still asked for the names of both addresses of each packet.
	{tcpdump, `if srcHostNames, err := net.LookupAddr(srcAddr); err == nil && len(srcHostNames) > 0 && !cmd.Opts.Numerical {`, `if srcHostNames := cmd.names(srcAddr); len(srcHostNames) > 0 {`},
	{tcpdump, `if dstHostNames, err := net.LookupAddr(dstAddr); err == nil && len(dstHostNames) > 0 && !cmd.Opts.Numerical {`, `if dstHostNames := cmd.names(dstAddr); len(dstHostNames) > 0 {`},
	{tcpdump, `// processPacket processes a packet`, `// names returns the names of an address, unless -n is given.
func (cmd *cmd) names(addr string) []string {
	if cmd.Opts.Numerical {
		return nil
	}
	list, err := net.LookupAddr(addr)
	if err != nil {
		return nil
	}
	return list
}

// processPacket processes a packet`},
	// Options: -t, -x and -n may be repeated; -X, -w, -l and -U are new. Output is never buffered.
	{tcpdump, `fs.BoolVar(&opts.T, "t", false, "Don't print a timestamp on each dump line")`, `stamps, dumps := 0, 0
	fs.BoolFunc("t", "Don't print a timestamp on each dump line", func(string) error { stamps++; return nil })
	fs.BoolVar(&opts.HexASCII, "X", false, "Print the data of each packet (minus its link level header) in hex and ASCII")
	fs.StringVar(&opts.Write, "w", "", "Write the packets to a file rather than printing them; - is standard output")
	fs.BoolFunc("l", "Write each line at once, as it always is", func(string) error { return nil })
	fs.BoolFunc("U", "Write each packet at once, as it always is", func(string) error { return nil })`},
	{tcpdump, `fs.BoolVar(&opts.Data, "x", false, `, `fs.BoolFunc("x", `},
	{tcpdump, `print the data of each packet (minus its link level header) in hex")`, `print the data of each packet (minus its link level header) in hex", func(string) error { dumps++; return nil })`},
	{tcpdump, `	if opts.Verbose && opts.Quiet {`, `	opts.T = opts.T || stamps == 1
	opts.TT = opts.TT || stamps == 2
	opts.TTT = opts.TTT || stamps == 3
	opts.TTTT = opts.TTTT || stamps == 4
	opts.TTTTT = opts.TTTTT || stamps > 4
	opts.Data = opts.Data || dumps == 1
	opts.DataWithHeader = opts.DataWithHeader || dumps > 1
	if opts.Verbose && opts.Quiet {`},
	{tcpdump, `	switch {
	case cmd.Opts.ASCII:`, `	switch {
	case cmd.Opts.HexASCII:
		fmt.Fprint(cmd.Out, capture.Dump(packet.Data()[min(14, len(packet.Data())):]))
	case cmd.Opts.ASCII:`},
	// Without -i there was an error, and "any" was no interface.
	{tcpdump, `	if cmd.Opts.Device == "" {
		return fmt.Errorf("no device specified")
	}
`, `	device, err := capture.Device(cmd.Opts.Device)
	if err != nil {
		return err
	}
	if cmd.Opts.Device == "" {
		cmd.Opts.Device = device
	}
`},
	{tcpdump, `pcap.OpenLive(cmd.Opts.Device,`, `pcap.OpenLive(device,`},
	// What is not IP, such as ARP, was not printed.
	{tcpdump, `	if networkLayer == nil {
		return lastPkgTimeStamp
	}
`, `	if networkLayer == nil {
		at := packet.Metadata().Timestamp
		fmt.Fprintf(cmd.Out, "%s%s %s\n", no, cmd.parseTimeStamp(at, lastPkgTimeStamp), capture.NoIP(packet))
		return at
	}
`},
	// -tttt printed a difference without a date, -tt no fraction; the first difference of -ttt was one to the year 1.
	{tcpdumpAux, `		return fmt.Sprintf("%d", currentTimestamp.Unix())
`, `		return fmt.Sprintf("%d.%06d", currentTimestamp.Unix(), currentTimestamp.Nanosecond()/1000)
`},
	{tcpdumpAux, `	if cmd.Opts.TTT {
`, `	if lastTimeStamp.IsZero() {
		lastTimeStamp = currentTimestamp
	}
	if cmd.Opts.TTT || cmd.Opts.TTTTT {
`},
	// strace printed the bytes of the error's text instead of its number.
	{"github.com/u-root/u-root/pkg/strace/syscall_linux.go", `fmt.Sprintf("%s (%#x) (%v)", errno, errno, elapsed)`, `fmt.Sprintf("-1 %s (%s) (%v)", unix.ErrnoName(errno), errno, elapsed)`},
	{tcpdumpAux, `		diff := currentTimestamp.Sub(lastTimeStamp)
		return fmt.Sprintf("%02d:%02d:%02d", int(diff.Hours()), int(diff.Minutes())%60, int(diff.Seconds())%60)
`, `		return currentTimestamp.Format("2006-01-02 15:04:05.000000")
`},
}
