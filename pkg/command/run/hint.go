package run

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/pflag"

	"github.com/nsjoin/docker-nsjoin/pkg/execopts"
	"github.com/nsjoin/docker-nsjoin/pkg/exit"
	"github.com/nsjoin/docker-nsjoin/pkg/joinopts"
	"github.com/nsjoin/docker-nsjoin/pkg/ns"
	"github.com/nsjoin/docker-nsjoin/pkg/plan"
)

// The hints of the command's errors guess what the user wanted. Each contains a command, or a part of one,
// that works as it stands.

// canBeContainer reports whether the engine allows a name for a container. A regular expression would be compiled in
// each call.
func canBeContainer(name string) bool {
	const alphanumeric = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
	return len(name) > 1 && strings.IndexByte(alphanumeric, name[0]) >= 0 && strings.Trim(name, alphanumeric+"_.-") == ""
}

// flagError adds a hint to an error about a flag.
func (o *options) flagError(commandPath string, err error) error {
	hint := commandPath + " --help shows the options"
	if invalid, ok := errors.AsType[*pflag.InvalidValueError](err); ok {
		if guess := o.valueHint(invalid.GetFlag().Name, invalid.GetValue()); guess != "" {
			hint = guess
		}
	}
	return exit.Hint(errors.New(strings.TrimSpace(err.Error())), "%s", hint)
}

// valueHint returns the hint about a flag's value, or "".
func (o *options) valueHint(flag, value string) string {
	switch {
	case flag == "only" || flag == "except":
		return o.kindsHint(flag, value)
	case flag == "detach-keys":
		return execopts.KeysHint
	case flag == "names":
		if canBeContainer(value) {
			return "for a container's names, use --names container:" + value
		}
		return ""
	case !joinopts.IsSource(flag):
		return ""
	}
	number, err := strconv.ParseInt(value, 10, 32)
	switch {
	case err == nil && number > 0:
		return fmt.Sprintf("for a process of the host, use --%s pid:%d", flag, number)
	case path.IsAbs(value):
		return fmt.Sprintf("for a namespace file, use --%s ns:%s", flag, plan.QuoteArg(value))
	case value == "none":
		return fmt.Sprintf("for a new namespace, use --%s private", flag)
	case value == "container" || value == "container:" || slices.Contains([]string{"bridge", "default", "shareable"}, value):
		return fmt.Sprintf("for a container's namespace, use --%s container:NAME", flag)
	case canBeContainer(value):
		return fmt.Sprintf("for a container's namespace, use --%s container:%s", flag, value)
	}
	return ""
}

// kindsHint returns the hint about a container's name where kinds are expected, or "".
func (o *options) kindsHint(flag, value string) string {
	mistyped := func(k ns.Kind) bool {
		return strings.HasPrefix(value, k.String()) || strings.HasPrefix(k.String(), value)
	}
	if !canBeContainer(value) || slices.ContainsFunc(ns.Kinds(), mistyped) {
		return ""
	}
	return fmt.Sprintf("--%s takes kinds of namespaces; the container comes after them: %s --%s net %s", flag, o.Words.Name, flag, value)
}
