// Package connect is docker nsjoin connect: a connection to a port or UNIX socket of a running container on standard input
// and output.
package connect

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/nsjoin/docker-nsjoin/pkg/completion"
	"github.com/nsjoin/docker-nsjoin/pkg/dockercli"
	"github.com/nsjoin/docker-nsjoin/pkg/enginehost"
	"github.com/nsjoin/docker-nsjoin/pkg/execopts"
	"github.com/nsjoin/docker-nsjoin/pkg/exit"
	"github.com/nsjoin/docker-nsjoin/pkg/forward/container"
	"github.com/nsjoin/docker-nsjoin/pkg/forward/ports"
	"github.com/nsjoin/docker-nsjoin/pkg/forward/reach"
	"github.com/nsjoin/docker-nsjoin/pkg/forward/spec"
	"github.com/nsjoin/docker-nsjoin/pkg/interrupt"
	"github.com/nsjoin/docker-nsjoin/pkg/printable"
	"github.com/nsjoin/docker-nsjoin/pkg/sockets/client"
)

const long = `Connect standard input and output to a port or UNIX socket of a running container:
as nc does, in the container's network, with the container's names.

The end of standard input is passed on, and what arrives after it is still printed. The
call ends when the other side ends; input that is already there is sent first. The exit
status is 0, or 125 if it cannot connect or the connection breaks.`

const examples = `  docker nsjoin connect web 80                 a port of web, also one of its loopback address
  docker nsjoin connect web db:5432            what web reaches as db:5432
  docker nsjoin connect web /run/app.sock      a UNIX socket; @name is an abstract one
  ssh -o ProxyCommand='docker nsjoin connect web 22' root@web
  GIT_SSH_COMMAND='ssh -o "ProxyCommand docker nsjoin connect git 22"' git clone git@git:repo`

// options are the values of the flags.
type options struct {
	host enginehost.Options
	user string
	wait bool
}

// New makes the command.
func New(cli *dockercli.CLI) *cobra.Command {
	var o options
	cmd := &cobra.Command{
		Use:     "connect [OPTIONS] CONTAINER [HOST:]PORT|PATH",
		Short:   "Connect standard input and output to a port of a running container",
		Long:    long,
		Example: examples,
		Args: func(cmd *cobra.Command, args []string) error {
			const two = 2
			if len(args) != two {
				return dockercli.CommandUsageError(cmd, errors.New("which container and port? "+cmd.UseLine()))
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			return o.run(cmd.Context(), cli, args[0], args[1])
		},
	}
	flags := cmd.Flags()
	flags.StringVarP(&o.user, "user", "u", "", `User who connects to a UNIX socket ("<name|uid>[:<group|gid>]")`)
	flags.BoolVar(&o.wait, "wait", false, "Wait until the container runs and the port listens")
	o.host.AddTo(flags)
	completion.Flag(cmd, "via", completion.Via)
	completion.Flag(cmd, "user", completion.User(cli))
	completion.Args(cmd, complete(cli))
	return cmd
}

// complete offers containers, and then what the container listens on.
func complete(cli *dockercli.CLI) cobra.CompletionFunc {
	containers := execopts.WithServices(cli, completion.Containers(cli))
	return func(cmd *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
		switch len(args) {
		case 0:
			return containers(cmd, args, typed)
		case 1:
			var offers []string
			for _, l := range ports.Listening(cmd.Context(), cli, spec.Container(args[0])) {
				if l.Network == string(spec.TCP) {
					offers = append(offers, ports.Offer(strconv.Itoa(int(l.Address.Port())), &l))
				}
				if path := ports.Path(&l); path != "" {
					offers = append(offers, ports.Offer(path, &l))
				}
			}
			return completion.Matching(offers, typed)
		}
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
}

func (o *options) run(ctx context.Context, cli *dockercli.CLI, name, word string) error {
	target, err := spec.ParseTarget(word)
	if wrong, ok := errors.AsType[*spec.Error](err); ok {
		return exit.Hint(err, "write it as %s", wrong.Form)
	}
	name = spec.Container(name)
	ctx, stop := interrupt.Until(ctx, func(signal int) error { return exit.CommandStatus(exit.Signalled(signal)) })
	defer stop()
	host, err := enginehost.Open(cli, o.host)
	if err != nil {
		return err
	}
	defer host.Close()
	note := func(text string) { host.Note(printable.Text(text)) }
	c := &container.Container{Host: execopts.Named{Host: host}, Typed: name, User: o.user, Unix: target.Network == spec.Unix, Wait: o.wait, Note: note}
	if c.Audit, err = execopts.AuditOf(cli); err != nil {
		return err
	}
	found, err := c.Open(ctx)
	if err != nil {
		return err
	}
	defer found.Network.Close()
	network := reach.New(found.Network)
	conn, err := o.connect(ctx, network, name, target, note)
	if err != nil {
		err = fmt.Errorf("connect to %s: %w", target.String(name), reach.Cause(err))
	} else if err = stream(ctx, conn, found.Network, os.Stdin, os.Stdout); err != nil {
		err = fmt.Errorf("connection to %s: %w", target.String(name), reach.Cause(err))
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

// connect connects to the target; with --wait it tries again while that may help, and notes why once.
func (o *options) connect(ctx context.Context, network *reach.Network, name string, target spec.Target, note func(string)) (net.Conn, error) {
	const again, silently = 250 * time.Millisecond, time.Second
	if o.wait {
		timer := time.AfterFunc(silently, func() {
			note(fmt.Sprintf("waiting until %s takes connections; Ctrl-C ends it", target.String(name)))
		})
		defer timer.Stop()
	}
	for noted := false; ; {
		conn, err := network.Connect(ctx, target)
		select {
		case <-network.Gone():
			if err != nil {
				return nil, gone(network)
			}
		default:
		}
		if err == nil || !o.wait || !reach.MayComeLater(err) {
			return conn, err
		}
		if !noted && !reach.IsUsual(err) {
			noted = true
			note(fmt.Sprintf("connect to %s: %v; trying again", target.String(name), reach.Cause(err)))
		}
		select {
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-network.Gone():
			return nil, gone(network)
		case <-time.After(again):
		}
	}
}

// gone returns why a container's network is gone.
func gone(n client.Network) error {
	if err := n.Err(); err != nil {
		return err
	}
	return errors.New("the container has stopped")
}

// stream copies between standard input and output and a connection, until the other side ends. Then it still sends what it can
// read without waiting: the other side may have ended one direction only.
func stream(ctx context.Context, conn net.Conn, n client.Network, stdin *os.File, stdout io.Writer) error {
	in := newInput(stdin)
	defer in.end()
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		_, err := io.Copy(conn, in.reader())
		if half, ok := conn.(interface{ CloseWrite() error }); ok && err == nil {
			_ = half.CloseWrite()
		}
	}()
	printed := make(chan error, 1)
	var printing sync.WaitGroup
	printing.Go(func() {
		_, err := io.Copy(stdout, received(conn))
		printed <- err
	})
	select {
	case err := <-printed:
		if in.end(); err == nil && in.ends() {
			awaitInput(ctx, in, sent, n.Gone())
		}
		return err
	case <-ctx.Done():
		conn.Close()
		return context.Cause(ctx)
	case <-n.Gone():
	}
	select {
	case err := <-printed:
		return err
	case <-ctx.Done():
		conn.Close()
		return context.Cause(ctx)
	case <-time.After(lastBytes):
		conn.Close()
		printing.Wait()
	}
	return gone(n)
}

// received returns what is to be printed. A TCP connection is read, not spliced as io.Copy does it: splice(2) does not pass
// urgent data, and says that the connection has ended there if its end has arrived.
func received(conn net.Conn) io.Reader {
	if _, ok := conn.(*net.TCPConn); ok {
		return struct{ io.Reader }{conn}
	}
	return conn
}

// lastBytes is how long the call waits for what may come after the end.
const lastBytes = 2 * time.Second

// awaitInput waits until the input that can be read at once was sent. The server may take its time to read it. But a read
// that waits although there was input is given up: another process may have read that.
func awaitInput(ctx context.Context, in *input, sent, gone <-chan struct{}) {
	for before := in.reading(); ; {
		select {
		case <-sent:
			return
		case <-gone:
			return
		case <-ctx.Done():
			return
		case <-time.After(lastBytes):
		}
		now := in.reading()
		if now != 0 && now == before {
			return
		}
		before = now
	}
}
