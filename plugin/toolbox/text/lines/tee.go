package lines

import (
	"errors"
	"io"
	"os"
	"os/signal"

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/tool"
)

// Tee copies standard input to standard output and to files. One that can't be written does not keep the others from
// getting everything.
func Tee(args []string) (status int) {
	f := tool.Flags("tee", "[-ai] [FILE...]")
	appended := f.BoolP("append", "a", false, "append to the files")
	ignore := f.BoolP("ignore-interrupts", "i", false, "ignore SIGINT")
	if status, ok := tool.Parse(f, args); !ok {
		return status
	}
	if *ignore {
		signal.Ignore(os.Interrupt)
	}
	flags := os.O_WRONLY | os.O_CREATE | os.O_TRUNC
	if *appended {
		flags = os.O_WRONLY | os.O_CREATE | os.O_APPEND
	}
	writers := []io.Writer{tool.Stdout}
	for _, name := range f.Args() {
		file, err := tool.OpenFile(name, flags, 0o666) //nolint:gosec // the umask decides
		if err != nil {
			status = tool.Complain("tee", err)
			continue
		}
		defer func() {
			if err := file.Close(); err != nil {
				status = tool.Complain("tee", err)
			}
		}()
		writers = append(writers, file)
	}
	buf := make([]byte, 64<<10)
	for len(writers) > 0 {
		n, err := os.Stdin.Read(buf)
		kept := writers[:0]
		for _, w := range writers {
			if _, err := w.Write(buf[:n]); err != nil {
				status = tool.Complain("tee", err)
				continue
			}
			kept = append(kept, w)
		}
		writers = kept
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return tool.Complain("tee", err)
		}
	}
	return status
}
