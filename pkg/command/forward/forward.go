// Package forward is docker nsjoin forward: ports and UNIX sockets of running containers, in both directions.
package forward

import (
	"errors"
	"fmt"
	"net/netip"
	"runtime"
	"strings"

	"github.com/spf13/cobra"

	"github.com/nsjoin/docker-nsjoin/pkg/completion"
	"github.com/nsjoin/docker-nsjoin/pkg/dockercli"
	"github.com/nsjoin/docker-nsjoin/pkg/enginehost"
	"github.com/nsjoin/docker-nsjoin/pkg/exit"
	"github.com/nsjoin/docker-nsjoin/pkg/forward/spec"
)

const long = `Forward ports and UNIX sockets of running containers. Nothing is changed in the
container, also if it was started without -p.

A SPEC is where to listen here, and where that leads:
  8080:80                  port 8080 here is port 80 of the container
  80                       the same port on both sides
  0:80                     any free port; it is printed
  8080:db:5432             port 5432 of the host db, as the container resolves and reaches it
  127.0.0.2:8080:80        on this address; [::1]:8080:80 for IPv6, *:8080:80 for all
  53:53/udp                UDP
  /tmp/pg:/run/pg.sock     UNIX sockets, on either side; @name is an abstract one
  8080:/run/app.sock       a port here, a UNIX socket there; or the other way round

A word that is no SPEC begins the next container: forward web 8080:80 db 5432. If its
name looks like a SPEC, write container:NAME.

-R SPEC is the other direction: the left side is in the container, the right side is what
this machine reaches. -D PORT is a SOCKS5 proxy here, with the container's names and
routes. Without SPEC, -R and -D, the ports are listed that the container listens on.

Without --address, ports listen on 127.0.0.1 and ::1 and serve only connections of your
own processes; under sudo, of root's and of yours.

A forward goes on when the container restarts, and its port is closed while nothing
listens in the container. Ctrl-C ends it. With -d it goes on in the background:
"docker nsjoin forward ls" lists these, "docker nsjoin forward rm" ends them.`

const examples = `  docker nsjoin forward web                    what web listens on
  docker nsjoin forward web 8080:80            http://127.0.0.1:8080 is web's port 80
  docker nsjoin forward web 8080:80 db 5432    two containers
  docker nsjoin forward web 8080:db:5432       what web reaches as db:5432
  docker nsjoin forward -R 5432 web            web's localhost:5432 is this machine's
  docker nsjoin forward -D 1080 web            curl --proxy socks5h://127.0.0.1:1080 http://db/
  docker nsjoin forward -d --wait web 8080:80  in the background, once web listens
  docker nsjoin forward ls
  docker nsjoin forward rm --all`

// options are the values of the flags.
type options struct {
	host enginehost.Options
	cli  *dockercli.CLI
	cmd  *cobra.Command

	addresses  []string
	reverse    []string
	proxies    []string
	anyUser    bool
	detach     bool
	followName bool
	untilStop  bool
	wait       bool
	verbose    bool
	dryRun     bool
	format     string
	user       string
	publish    []string // of docker run
}

// New makes the command.
func New(cli *dockercli.CLI) *cobra.Command {
	o := options{cli: cli}
	cmd := &cobra.Command{
		Use:     "forward [OPTIONS] CONTAINER [SPEC...] [CONTAINER SPEC...]",
		Short:   "Forward ports and UNIX sockets of running containers",
		Long:    long,
		Example: examples,
		Args:    cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			o.cmd = cmd
			return o.run(cmd.Context(), args)
		},
	}
	flags := cmd.Flags()
	flags.StringSliceVar(&o.addresses, "address", nil, `Addresses to listen on (default both loopback addresses; "*" for all)`)
	flags.StringArrayVarP(&o.reverse, "reverse", "R", nil, "Forward from the container to this machine (a SPEC)")
	flags.StringArrayVarP(&o.proxies, "socks", "D", nil, "Listen as a SOCKS5 proxy into the container's network ([ADDRESS:]PORT or a path)")
	flags.BoolVar(&o.anyUser, "any-user", false, "Also serve connections of other users of this machine")
	flags.BoolVarP(&o.detach, "detach", "d", false, "Go on in the background once all forwards are ready")
	flags.BoolVar(&o.followName, "follow-name", false, "Go on with a new container of the same name")
	flags.BoolVar(&o.untilStop, "until-stop", false, "End when the container stops")
	flags.BoolVar(&o.wait, "wait", false, "Wait until the container runs and the ports listen")
	flags.BoolVarP(&o.verbose, "verbose", "v", false, "Print a line for each connection that ends")
	flags.StringVarP(&o.user, "user", "u", "", `User who connects to UNIX sockets in the container ("<name|uid>[:<group|gid>]")`)
	flags.BoolVar(&o.dryRun, "dry-run", false, "Print what would be done in the container; forward nothing")
	flags.StringArrayVarP(&o.publish, "publish", "p", nil, "")
	_ = flags.MarkHidden("publish")
	flags.StringVar(&o.format, "format", text, `Output format ("text"|"json"); json is one object a line`)
	o.host.AddTo(flags)
	completion.Args(cmd, complete(cli))
	completion.Flags(cmd, map[string]cobra.CompletionFunc{
		"via":     completion.Via,
		"format":  completion.OneOf(text, jsonLines),
		"user":    completion.User(cli),
		"address": completion.OneOf("127.0.0.1", "::1", "localhost", "0.0.0.0"),
		"reverse": completion.Nothing,
		"socks":   completion.Nothing,
	})
	for _, sub := range []*cobra.Command{newLs(cli), newRm(cli)} {
		sub.DisableFlagsInUseLine = true
		cmd.AddCommand(sub)
	}
	return cmd
}

// The values of --format.
const (
	text      = "text"
	jsonLines = "json"
)

// groups parses the arguments, and checks the flags against each other.
func (o *options) groups(args []string) ([]spec.Group, error) {
	switch {
	case len(o.publish) > 0:
		return nil, exit.Hint(errors.New("-p is an option of docker run: here a SPEC follows the container"),
			"%s CONTAINER %s", o.cmd.CommandPath(), o.publish[0])
	case len(args) == 0:
		// One that was forgotten is the value of a flag now.
		if err := o.addFlags([]spec.Group{{}}); err != nil {
			return nil, err
		}
		return nil, o.usageError("which container? " + o.cmd.UseLine())
	case o.format != text && o.format != jsonLines:
		return nil, o.usageError(fmt.Sprintf("--format %q: must be text or json", o.format))
	case o.followName && len(o.reverse) > 0:
		return nil, o.usageError("--follow-name and -R cannot be used together: another container would get what this machine has")
	case o.followName && o.untilStop:
		return nil, o.usageError("--follow-name and --until-stop cannot be used together")
	case spec.IsSpec(args[0]) && (len(args) == 1 || !spec.IsSpec(args[1])) && strings.ContainsAny(args[0], ":/"):
		name, word := split(args[0])
		return nil, exit.Hint(fmt.Errorf("%q is no container: the container comes before the SPEC", args[0]),
			"%s %s %s", o.cmd.CommandPath(), name, word)
	case args[0] == "host":
		return nil, exit.Hint(errors.New("forward host: only a container has ports to forward"),
			"for a container of that name, write container:host")
	}
	groups, err := spec.ParseArgs(args)
	if err != nil {
		return nil, o.specError(err)
	}
	for _, address := range o.addresses {
		if _, err := spec.Addresses(address); err != nil {
			return nil, o.specError(fmt.Errorf("--address %w", err))
		}
	}
	if err := o.addFlags(groups); err != nil {
		return nil, err
	}
	if err := spec.Twice(groups, o.addresses); err != nil {
		return nil, o.specError(err)
	}
	return groups, hasAbstract(runtime.GOOS, groups)
}

// split returns the container and the SPEC that a word in the container's place is meant as: NAME:SPEC, as for docker cp, or a
// SPEC alone.
func split(word string) (name, forward string) {
	name, forward, _ = strings.Cut(word, ":")
	_, notSpec := spec.Parse(forward)
	_, notAddress := netip.ParseAddr(name)
	if spec.IsSpec(name) || name == "" || name == "localhost" || name == spec.Everywhere || notSpec != nil || notAddress == nil {
		return "CONTAINER", word
	}
	return name, forward
}

// addFlags adds the SPECs of -R and -D to the only container.
func (o *options) addFlags(groups []spec.Group) error {
	for _, list := range []struct {
		flag  string
		words []string
		parse func(string) (spec.Forward, error)
	}{{"-R", o.reverse, spec.ParseReverse}, {"-D", o.proxies, spec.ParseProxy}} {
		for _, word := range list.words {
			f, err := list.parse(word)
			if err != nil {
				return o.specError(fmt.Errorf("%s %w", list.flag, err))
			}
			if len(groups) > 1 {
				return o.usageError(list.flag + " is for one container: call forward for each")
			}
			groups[0].Forwards = append(groups[0].Forwards, f)
		}
	}
	return nil
}

// specError adds the right forms to an error about a SPEC.
func (o *options) specError(err error) error {
	if wrong, ok := errors.AsType[*spec.Error](err); ok {
		return exit.Hint(err, "write it as %s", wrong.Form)
	}
	return err
}

func (o *options) usageError(text string) error {
	return dockercli.CommandUsageError(o.cmd, errors.New(text))
}
