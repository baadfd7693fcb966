package pull_test

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/docker/docker/api/types/image"

	"github.com/nsjoin/docker-nsjoin/pkg/engine/pull"
)

// registry answers as an engine that pulls.
type registry struct {
	text string
	err  error
	auth string
}

func (r *registry) ImagePull(_ context.Context, _ string, options image.PullOptions) (io.ReadCloser, error) {
	r.auth = options.RegistryAuth
	return io.NopCloser(strings.NewReader(r.text)), r.err
}

func TestPull(t *testing.T) {
	for _, row := range []struct {
		engine         registry
		want, progress string
	}{
		{registry{text: `{"status":"Pulling from library/tools","id":"latest"}
{"status":"Downloading","progressDetail":{"current":1000000,"total":3000000},"id":"a"}
{"status":"Downloading","progressDetail":{"current":2000000,"total":3000000},"id":"a"}
{"status":"Downloading","progressDetail":{"current":1000000},"id":"b"}
{"status":"Extracting","progressDetail":{"current":5,"total":9},"id":"a"}
{"status":"Status: Downloaded newer image for tools:latest"}`}, "", "3MB of 4MB"},
		{registry{text: `{"errorDetail":{"message":"manifest unknown"},"error":"manifest unknown"}`}, `pull "tools": manifest unknown`, ""},
		{registry{text: `{"status":`}, `pull "tools": read the engine's answer: unexpected EOF`, ""},
		{registry{err: errors.New("no route to host")}, `pull "tools": no route to host`, ""},
	} {
		var p pull.Progress
		err := pull.Image(t.Context(), &row.engine, "tools", "secret", &p)
		if text := p.String(); text != row.progress || row.engine.auth != "secret" {
			t.Errorf("%q, %q", text, row.engine.auth)
		}
		if row.want == "" && err != nil || row.want != "" && (err == nil || err.Error() != row.want) {
			t.Errorf("%v, want %s", err, row.want)
		}
	}
}
