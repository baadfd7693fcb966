package debug

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/nsjoin/docker-nsjoin/pkg/dockercli"
	"github.com/nsjoin/docker-nsjoin/pkg/exit"
	"github.com/nsjoin/docker-nsjoin/pkg/joinopts"
)

// flagError explains that debug does not have an option of docker nsjoin. Other errors are those of the command above.
func flagError(cmd *cobra.Command, name exit.Name, err error) error {
	if unknown, ok := errors.AsType[*pflag.NotExistError](err); ok {
		if why, hint := refusal(unknown.GetSpecifiedName(), name); why != "" {
			return exit.Hint(fmt.Errorf("debug: --%s: %s", unknown.GetSpecifiedName(), why), "%s", hint)
		}
	}
	if above := cmd.Parent(); above != nil {
		return above.FlagErrorFunc()(cmd, err)
	}
	return dockercli.CommandUsageError(cmd, err)
}

// refusal says why debug does not have a flag of docker nsjoin, and what to do instead; "" for another flag.
func refusal(flag string, name exit.Name) (why, hint string) {
	switch {
	case flag == "privileged":
		return "a profile says which rights are added", "--profile admin adds all capabilities and leaves the seccomp filter out"
	case flag == "only" || flag == "except" || joinopts.IsSource(flag):
		return "the command is in all of the container's namespaces", fmt.Sprintf("%s --%s runs a command without the toolbox; debug --tools host runs this machine's programs in the container's network", name, flag)
	case flag == "swarm" || flag == "node-context" || flag == "confirm-nodes":
		return "debug takes a container of one engine", fmt.Sprintf("docker service ps SERVICE shows the task's node: name its engine by --context; %s --swarm runs a command without the toolbox", name)
	case flag == "version":
		return "it is an option of the whole program", fmt.Sprintf("%s --version", name)
	}
	return "", ""
}
