package mount

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/nsjoin/docker-nsjoin/pkg/engine"
	"github.com/nsjoin/docker-nsjoin/pkg/enginehost"
	"github.com/nsjoin/docker-nsjoin/pkg/exit"
	"github.com/nsjoin/docker-nsjoin/pkg/request"
)

// locate makes a path on the host absolute, and lets symbolic links on the way to it be followed. r is resolved.
func locate(ctx context.Context, host *enginehost.Host, r *request.Request) error {
	if r.Mount.Source == "" || r.Mount.From != nil {
		return nil
	}
	if err := absolute(host, r); err != nil {
		return err
	}
	return followLinks(ctx, host, r)
}

// absolute makes a path absolute.
func absolute(host *enginehost.Host, r *request.Request) error {
	q, typed := r.Mount, string(r.Mount.Source)
	if strings.HasPrefix(typed, "/") {
		q.Source = request.Word(filepath.ToSlash(filepath.Clean(typed)))
		return nil
	}
	// Unlike os.Getwd, it asks no file system: see launch.HasNoLinks.
	dir, err := syscall.Getwd()
	if err != nil {
		return fmt.Errorf("%s: %w", typed, err)
	}
	switch same, err := host.SharesDir(r, dir); {
	case err != nil:
		return err
	case !same:
		return exit.Hint(fmt.Errorf("%s is relative to %s of this machine, which is not a directory of the engine's host", typed, dir),
			"name an absolute path on the engine's host")
	}
	q.Source = request.Word(filepath.Join(dir, typed))
	return nil
}

// followLinks lets symbolic links on the way to a path of the host be followed. For that, the engine is asked which
// directories of the host its containers can write to. If the engine is not asked, links are refused.
func followLinks(ctx context.Context, host *enginehost.Host, r *request.Request) error {
	q := r.Mount
	q.FollowLinks, q.Writable = false, nil // an earlier answer may not be true any more
	if host.Offline() {
		return nil
	}
	if same, err := host.SharesWithoutLinks(r, string(q.Source)); same || err != nil {
		return err
	}
	client, err := host.Connection.Client()
	if err != nil {
		return err
	}
	paths, err := engine.WritableOnHost(ctx, client)
	if err != nil {
		return err
	}
	q.FollowLinks = true
	for _, path := range paths {
		q.Writable = append(q.Writable, request.Word(path))
	}
	return nil
}
