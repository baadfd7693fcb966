package entrypoint

import (
	"context"
	"fmt"
	"os"

	"github.com/nsjoin/docker-nsjoin/pkg/confine"
	"github.com/nsjoin/docker-nsjoin/pkg/engine"
	"github.com/nsjoin/docker-nsjoin/pkg/engine/archive"
	"github.com/nsjoin/docker-nsjoin/pkg/engine/scratch"
	"github.com/nsjoin/docker-nsjoin/pkg/engine/target"
	"github.com/nsjoin/docker-nsjoin/pkg/lint"
)

// Client is the part of the engine's client that is used.
type Client interface {
	target.Client
	scratch.Client
	archive.Client
}

// check checks a target. For an image it makes a container, whose files are the image's, and removes it afterwards.
func check(ctx context.Context, client Client, connection *engine.Connection, t target.Target, machine target.Machine) (findings []lint.Finding, err error) {
	id := t.ID
	if t.Kind == target.Image {
		c, err := scratch.OfImage(ctx, client, connection.Register(), t.ID, t.Platform)
		if err != nil {
			return nil, fmt.Errorf("image %q: %w", t.Name, err)
		}
		defer func() {
			if failed := c.Remove(ctx); failed != nil && err == nil {
				err = failed
			}
		}()
		id = c.ID
	}
	parser, err := confine.Start()
	if err != nil {
		return nil, err
	}
	defer parser.Close()
	local, err := connection.Local()
	if err != nil {
		return nil, err
	}
	tree := archive.New(client, id)
	if machine.Podman {
		tree = archive.OfPodman(client, id, t.Running)
	}
	return lint.Check(ctx, lint.Start{
		Command: t.Command, Entrypoint: t.Entrypoint, Cmd: t.Cmd, Shell: t.Shell,
		User: t.User, Groups: t.Groups, Dir: t.Dir, Env: t.Env, Path: t.Path(),
		Overrides: t.Overrides, Running: t.Running, Hidden: t.Hidden,
		Arch: machine.Arch, Emulates: func(arch string) bool { return machine.Desktop || local && emulates(arch) },
	}, tree, parser)
}

// emulators are the names that QEMU's packages give their emulators, by Go's names of architectures.
var emulators = map[string]string{
	"amd64": "x86_64", "386": "i386", "arm64": "aarch64", "arm": "arm", "riscv64": "riscv64", "ppc64le": "ppc64le",
	"s390x": "s390x", "loong64": "loongarch64", "mips64le": "mips64el", "mips64": "mips64",
}

// emulates reports whether this machine has an emulator of an architecture.
func emulates(arch string) bool {
	name, ok := emulators[arch]
	if !ok {
		return false
	}
	_, err := os.Stat("/proc/sys/fs/binfmt_misc/qemu-" + name)
	return err == nil
}
