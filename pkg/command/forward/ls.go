package forward

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/docker/go-units"
	"github.com/spf13/cobra"

	"github.com/nsjoin/docker-nsjoin/pkg/completion"
	"github.com/nsjoin/docker-nsjoin/pkg/dockercli"
	"github.com/nsjoin/docker-nsjoin/pkg/exit"
	"github.com/nsjoin/docker-nsjoin/pkg/formatter"
	"github.com/nsjoin/docker-nsjoin/pkg/forward"
	"github.com/nsjoin/docker-nsjoin/pkg/forward/control"
)

const tableFormat = "table {{.ID}}\t{{.Container}}\t{{.Forward}}\t{{.Since}}\t{{.Connections}}\t{{.Bytes}}"

// newLs makes docker nsjoin forward ls.
func newLs(cli *dockercli.CLI) *cobra.Command {
	var format string
	var quiet bool
	cmd := &cobra.Command{
		Use:   "ls [OPTIONS]",
		Short: "List the forwards of all your calls",
		Long: `List the forwards of all your calls, in the foreground and in the background, on all
engines. CONNECTIONS are those that are open now, of all so far. BYTES are those that have
passed so far, in both directions.`,
		Args: func(cmd *cobra.Command, args []string) error { return noArgs(cmd, args, "ls") },
		RunE: func(cmd *cobra.Command, _ []string) error {
			list, _, err := find(cmd.Context(), cli)
			if err != nil {
				return err
			}
			if quiet {
				format = "{{.ID}}"
			}
			rows := make([]*row, len(list))
			for i, f := range list {
				rows[i] = &row{f.Named(), f.call}
			}
			if format == "" || format == "table" {
				format = tableFormat
			}
			return formatter.Write(os.Stdout, format, header(), rows)
		},
	}
	cmd.Flags().StringVar(&format, "format", "", `Format of the list ("table"|"json"|a Go template as for docker ps)`)
	cmd.Flags().BoolVarP(&quiet, "quiet", "q", false, "Print IDs only")
	completion.Flag(cmd, "format", completion.OneOf("table", "json"))
	completion.Args(cmd, completion.Nothing)
	return cmd
}

// noArgs refuses arguments. They may be meant for a container that is named like the command.
func noArgs(cmd *cobra.Command, args []string, name string) error {
	if len(args) == 0 {
		return nil
	}
	return exit.Hint(fmt.Errorf("%s takes no argument", cmd.CommandPath()), "for a container of that name, write container:%s", name)
}

// found is a forward of a call.
type found struct {
	forward.Status

	call *control.Call
}

// find returns the user's forwards, oldest first. silent is set if a call does not answer, which is said.
func find(ctx context.Context, cli *dockercli.CLI) (list []found, silent bool, err error) {
	connection, err := cli.Engine()
	if err != nil {
		return nil, false, err
	}
	calls, silence, err := control.Calls(ctx, connection.Register().State)
	if err != nil {
		return nil, false, fmt.Errorf("find forwards: %w", err)
	}
	for _, err := range silence {
		cli.Name.Warn(os.Stderr, err.Error())
	}
	for i := range calls {
		for _, s := range calls[i].Forwards {
			list = append(list, found{s, &calls[i]})
		}
	}
	slices.SortStableFunc(list, func(a, b found) int { return a.Since.Compare(b.Since) })
	return list, len(silence) > 0, nil
}

// row is a forward as a template sees it.
type row struct {
	found forward.Status
	call  *control.Call
}

func header() formatter.Header {
	return formatter.Header{
		"ID": "ID", "Container": "CONTAINER", "ContainerID": "CONTAINER ID", "ContainerName": "CONTAINER NAME",
		"Forward": "FORWARD", "Listen": "LISTEN", "Target": "TARGET",
		"State": "STATE", "Since": "SINCE", "StartedAt": "STARTED AT", "Connections": "CONNECTIONS", "Open": "OPEN", "Total": "TOTAL",
		"Bytes": "BYTES", "Sent": "SENT", "Received": "RECEIVED", "PID": "PID", "Background": "BACKGROUND", "Context": "CONTEXT",
	}
}

func (r *row) ID() string          { return r.found.ID }
func (r *row) Container() string   { return r.found.Container }
func (r *row) ContainerID() string { return r.found.ContainerID }
func (r *row) Listen() string      { return strings.Join(r.found.Listen, ", ") }
func (r *row) Target() string      { return r.found.Target }
func (r *row) State() string       { return string(r.found.State) }
func (r *row) StartedAt() string   { return r.found.Since.Local().Format(time.RFC3339) }
func (r *row) Open() int64         { return r.found.Open }
func (r *row) Total() int64        { return r.found.Total }
func (r *row) Sent() int64         { return r.found.Sent }
func (r *row) Received() int64     { return r.found.Received }
func (r *row) PID() int            { return r.call.PID }
func (r *row) Background() bool    { return r.call.Background }
func (r *row) Context() string     { return r.call.Context }
func (r *row) Connections() string { return fmt.Sprintf("%d of %d", r.found.Open, r.found.Total) }
func (r *row) Bytes() string       { return units.HumanSize(float64(r.found.Sent + r.found.Received)) }

// ContainerName is the engine's name of the container at its last start, where the column Container has what was typed.
func (r *row) ContainerName() string { return r.found.ContainerName }

func (r *row) Since() string { return units.HumanDuration(time.Since(r.found.Since)) + " ago" }

// MarshalJSON returns the columns that are facts.
func (r *row) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		ID, Container, ContainerID, ContainerName, Forward string
		Listen                                             []string
		Target, Network, State, StartedAt                  string
		Open, Total, Sent, Received                        int64
		PID                                                int
		Background                                         bool
		Context                                            string
	}{
		r.ID(), r.Container(), r.ContainerID(), r.ContainerName(), r.Forward(), r.found.Listen, r.Target(), r.found.Network, r.State(), r.StartedAt(),
		r.Open(), r.Total(), r.Sent(), r.Received(), r.PID(), r.Background(), r.Context(),
	})
}

// Forward is the forward as it was printed when it was ready.
func (r *row) Forward() string {
	text := r.found.Text()
	if r.found.State != forward.Ready {
		text += " (" + string(r.found.State) + ")"
	}
	return text
}
