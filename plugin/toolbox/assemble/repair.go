package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/list"
)

// repairs are changes to other modules that their maintainers could take over as they are.
var repairs = []struct{ file, old, new string }{
	// tcpdump -c 2 printed one packet: the last one ended it instead.
	{"github.com/u-root/u-root/cmds/exp/tcpdump/main.go", `			if cmd.Opts.CountPkg > 0 && capturedPackets >= cmd.Opts.CountPkg {
				return nil
			}

`, ""},
	{"github.com/u-root/u-root/cmds/exp/tcpdump/main.go", `					timeStamp = pkgTime
				}
			}
`, `					timeStamp = pkgTime
				}
			}
			if cmd.Opts.CountPkg > 0 && capturedPackets >= cmd.Opts.CountPkg {
				return nil
			}
`},
	// traceroute took the source address of a way to 8.8.8.8, which a network without a default route has not.
	{"github.com/u-root/u-root/pkg/traceroute/traceroute.go", "SrcAddr(f.Proto)", "srcAddrTo(f.Host, f.Proto)"},
	{"github.com/u-root/u-root/pkg/traceroute/util.go", `func isVirtual(`, `func srcAddrTo(host, proto string) (*net.IP, error) {
	to, err := DestAddr(host, proto)
	if err != nil {
		return nil, err
	}
	conn, err := net.DialUDP("udp", nil, &net.UDPAddr{IP: to, Port: 53})
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	return &conn.LocalAddr().(*net.UDPAddr).IP, nil
}

func isVirtual(`},
}

// repair makes the changes in the vendor directory. One that does not fit is an error: the module has changed.
func repair(vendor string) error {
	for _, r := range repairs {
		path := filepath.Join(vendor, r.file)
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if strings.Count(string(text), r.old) != 1 {
			return fmt.Errorf("%s has changed: the repair in assemble/repair.go does not fit", r.file)
		}
		if err := os.WriteFile(path, []byte(strings.Replace(string(text), r.old, r.new, 1)), 0o600); err != nil {
			return err
		}
	}
	// The shell's interpreter looks the user up for each cd, and commands do so too.
	return filepath.WalkDir(vendor, func(path string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !strings.HasSuffix(path, ".go") {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil || !strings.Contains(string(text), `"os/user"`) {
			return err
		}
		return os.WriteFile(path, []byte(strings.ReplaceAll(string(text), `"os/user"`, `user "`+list.Own+`/plugin/toolbox/osuser"`)), 0o600)
	})
}
