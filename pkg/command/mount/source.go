package mount

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/nsjoin/docker-nsjoin/pkg/engine"
	"github.com/nsjoin/docker-nsjoin/pkg/enginehost"
	"github.com/nsjoin/docker-nsjoin/pkg/exit"
	"github.com/nsjoin/docker-nsjoin/pkg/request"
)

// absolute makes a path on the host absolute. The kernel's name of the working directory has no symbolic links.
func absolute(host *enginehost.Host, q *request.Mount) error {
	if q.Source == "" || q.From != nil {
		return nil
	}
	typed := string(q.Source)
	if strings.HasPrefix(typed, "/") {
		q.Source = request.Word(filepath.ToSlash(filepath.Clean(typed)))
		return nil
	}
	here, err := host.Connection.Local()
	if err != nil {
		return err
	}
	if !here {
		return exit.Hint(fmt.Errorf("%s is relative to a directory of this machine, and the engine is on another one", typed),
			"name an absolute path on the engine's host")
	}
	dir, err := workingDirectory()
	if err != nil {
		return fmt.Errorf("%s: %w", typed, err)
	}
	q.Source = request.Word(filepath.Join(dir, typed))
	return nil
}

// followLinks lets symbolic links on the way to a path of the host be followed. For that, the engine is asked which
// directories of the host its containers can write to. If the engine is not asked, links are refused.
func followLinks(ctx context.Context, host *enginehost.Host, q *request.Mount) error {
	if q.Source == "" || q.From != nil || host.Offline() {
		return nil
	}
	here, err := host.Connection.Local()
	if err != nil {
		return err
	}
	if leads, err := filepath.EvalSymlinks(string(q.Source)); here && err == nil && leads == string(q.Source) {
		return nil
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
