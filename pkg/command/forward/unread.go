package forward

import (
	"context"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/nsjoin/docker-nsjoin/pkg/exit"
	"github.com/nsjoin/docker-nsjoin/pkg/stdio"
)

// untilUnread returns a context that ends when an event is written that nobody reads any more, as with | head -1. SIGPIPE would
// end this process at once, and its connections with it. In the background nobody has to read them.
func (c *call) untilUnread(ctx context.Context) (context.Context, func()) {
	if c.starter != nil {
		return ctx, func() {}
	}
	unused := make(chan os.Signal, 1)
	signal.Notify(unused, syscall.SIGPIPE) // an ignored signal would be ignored by the helper, too
	ctx, cancel := context.WithCancelCause(ctx)
	unread := func() { cancel(exit.CommandStatus(exit.Signalled(int(syscall.SIGPIPE)))) }
	c.printer.out, c.printer.errs = &watched{c.printer.out, unread}, &watched{c.printer.errs, unread}
	return ctx, func() {
		cancel(nil)
		signal.Stop(unused)
	}
}

// watched calls a function if nobody reads what is written.
type watched struct {
	io.Writer

	unread func()
}

func (w *watched) Write(b []byte) (int, error) {
	n, err := w.Writer.Write(b)
	if err != nil && stdio.IsBrokenPipe(err) {
		w.unread()
	}
	return n, err
}
