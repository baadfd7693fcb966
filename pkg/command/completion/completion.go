// Package completion is nsjoin completion: it prints the script with which a shell completes nsjoin. For
// docker nsjoin, docker completion prints that script.
package completion

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/nsjoin/docker-nsjoin/pkg/dockercli"
	"github.com/nsjoin/docker-nsjoin/pkg/exit"
)

// Name is the command's name.
const Name = "completion"

const long = `Print the script that completes docker nsjoin in a shell. For each completion it
calls docker nsjoin, so it stays valid when docker nsjoin is upgraded.`

const examples = `  source <(docker nsjoin completion bash)
  docker nsjoin completion bash >~/.local/share/bash-completion/completions/nsjoin
  docker nsjoin completion zsh >~/.zsh/completions/_nsjoin    (a directory of fpath)
  docker nsjoin completion fish >~/.config/fish/completions/nsjoin.fish
  docker nsjoin completion powershell | Out-String | Invoke-Expression`

var shells = []string{"bash", "zsh", "fish", "powershell"}

// undescribed is the environment variable that makes the Docker CLI leave descriptions out.
const undescribed = "DOCKER_CLI_DISABLE_COMPLETION_DESCRIPTION"

// New makes the command.
func New(*dockercli.CLI) *cobra.Command {
	return &cobra.Command{
		Use:       Name + " SHELL",
		Short:     "Print the completion script of a shell",
		Long:      long,
		Example:   examples,
		ValidArgs: shells,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) != 1 {
				err := fmt.Errorf("which shell? %s %s", cmd.CommandPath(), strings.Join(shells, "|"))
				return exit.Hint(err, "%s --help shows examples", cmd.CommandPath())
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			return write(os.Stdout, cmd.Root(), args[0], os.Getenv(undescribed) == "")
		},
	}
}

// write writes the script of a shell for root.
func write(out io.Writer, root *cobra.Command, shell string, descriptions bool) error {
	switch {
	case shell == "bash":
		return root.GenBashCompletionV2(out, descriptions)
	case shell == "zsh" && descriptions:
		return root.GenZshCompletion(out)
	case shell == "zsh":
		return root.GenZshCompletionNoDesc(out)
	case shell == "fish":
		return root.GenFishCompletion(out, descriptions)
	case shell == "powershell" && descriptions:
		return root.GenPowerShellCompletionWithDesc(out)
	case shell == "powershell":
		return root.GenPowerShellCompletion(out)
	}
	err := errors.New("no completion for " + shell + ": must be one of " + strings.Join(shells, ", "))
	return exit.Hint(err, "%s %s --help shows examples", root.CommandPath(), Name)
}
