package debug

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/docker/go-units"

	"github.com/nsjoin/docker-nsjoin/pkg/engine/target"
	"github.com/nsjoin/docker-nsjoin/pkg/enginehost"
	"github.com/nsjoin/docker-nsjoin/pkg/exit"
	"github.com/nsjoin/docker-nsjoin/pkg/plan"
	"github.com/nsjoin/docker-nsjoin/pkg/programs"
	"github.com/nsjoin/docker-nsjoin/pkg/request"
	"github.com/nsjoin/docker-nsjoin/pkg/toolbox"
)

// findTools finds the tools: those of the toolbox for the engine's architecture, and others.
func (o *options) findTools(ctx context.Context, host *enginehost.Host, r *request.Request) error {
	arch, err := engineArch(ctx, host)
	if err != nil {
		return err
	}
	r.View.Tools = toolbox.Names(arch)
	switch o.tools.kind {
	case imageTools:
		return o.findImage(ctx, host, r)
	case clientTools:
		return o.sendPrograms(host, r, arch)
	case builtinTools, engineTools, hostTools:
	}
	return nil
}

// findImage finds the image with the tools, and sets PATH to the image's.
func (o *options) findImage(ctx context.Context, host *enginehost.Host, r *request.Request) error {
	if err := host.RequireEngine("--tools IMAGE: only the engine can show the image's files"); err != nil {
		return err
	}
	client, err := host.Connection.Client()
	if err != nil {
		return err
	}
	image, err := target.Find(ctx, client, "image:"+o.tools.name)
	if errors.Is(err, target.ErrNone) && o.copies.Pull {
		if r.DryRun != request.OutputNone {
			return exit.Hint(fmt.Errorf("--dry-run: --tools %s: the engine has no such image, and it would have to be pulled", plan.QuoteArg(o.tools.name)), "omit --dry-run, or pull the image by docker pull")
		}
		if err := host.Pull(ctx, o.tools.name); err != nil {
			return err
		}
		image, err = target.Find(ctx, client, "image:"+o.tools.name)
	}
	if err != nil {
		if _, missing := os.Stat(o.tools.name); missing != nil {
			err = fmt.Errorf("--tools: %w", err)
		} else {
			err = exit.Hint(errors.New("--tools: "+err.Error()), "for the file or directory of that name, write --tools ./%s", o.tools.name)
		}
		return err
	}
	if o.root == rootTarget {
		r.View.OwnDirs = directories(image.Path())
		return nil
	}
	r.Env = append([]string{"PATH=" + image.Path()}, r.Env...)
	return nil
}

// directories returns those of an image's PATH, each once.
func directories(searched string) (dirs []string) {
	for dir := range strings.SplitSeq(searched, ":") {
		if dir = path.Clean(dir); path.IsAbs(dir) && !slices.Contains(dirs, dir) {
			dirs = append(dirs, dir)
		}
	}
	return dirs
}

// sendPrograms reads the programs of this machine that go along with r, and says what they are.
func (o *options) sendPrograms(host *enginehost.Host, r *request.Request, arch string) error {
	name := o.tools.name
	set, err := programs.Find(name, filepath.Base(name), arch, !r.Profile.Adds() || r.TrustContainer)
	if errors.Is(err, programs.ErrLink) {
		return linkError(name)
	}
	if err != nil {
		if failed, ok := errors.AsType[*fs.PathError](err); ok {
			err = failed.Err
		}
		return fmt.Errorf("--tools %s: %w", plan.QuoteArg(name), err)
	}
	r.View.Files = set.Files
	if left := set.Left(); left != "" {
		host.Name().Warn(os.Stderr, fmt.Sprintf("left out of %s: %s", plan.QuoteArg(name), left))
	}
	if r.DryRun != request.OutputNone {
		return nil // which lists them
	}
	content, err := set.Content()
	if err != nil {
		return fmt.Errorf("--tools %s: %w", plan.QuoteArg(name), err)
	}
	host.SendPrograms(content)
	var names []string
	for _, f := range set.Files {
		names = append(names, plan.QuoteArg(string(f.Name)))
	}
	host.Debug("programs of " + name + ": " + strings.Join(names, " "))
	fmt.Fprintf(os.Stderr, "%s: %s sent along: %s, %s\n", host.Name(), plan.QuoteArg(name), count(len(names)), units.HumanSize(float64(set.Size())))
	return nil
}

// linkError is the error of a path that leads through a symbolic link. Another user may have made the link, so the hint
// has the path without it, which the user can judge.
func linkError(name string) error {
	err := fmt.Errorf("--tools %s: %w", plan.QuoteArg(name), programs.ErrLink)
	to, failed := filepath.EvalSymlinks(name)
	if failed != nil {
		return err
	}
	if !isPath(to) {
		to = "." + string(filepath.Separator) + to
	}
	return exit.Hint(err, "it leads to: --tools %s", plan.QuoteArg(to))
}

func count(programs int) string {
	if programs == 1 {
		return "1 program"
	}
	return fmt.Sprintf("%d programs", programs)
}

// engineArch returns the architecture of the engine's host, named like GOARCH. An engine on this machine is not asked,
// which would take time in every call.
func engineArch(ctx context.Context, host *enginehost.Host) (string, error) {
	if host.Offline() {
		return runtime.GOARCH, nil
	}
	if local, err := host.Connection.Local(); err != nil || runtime.GOOS == "linux" && local {
		return runtime.GOARCH, err
	}
	client, err := host.Connection.Client()
	if err != nil {
		return "", err
	}
	return target.FindArch(ctx, client)
}
