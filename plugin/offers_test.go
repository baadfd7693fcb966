package main

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/docker/cli/cli/config"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	offers "github.com/nsjoin/docker-nsjoin/pkg/completion"
	"github.com/nsjoin/docker-nsjoin/pkg/dockercli"
	"github.com/nsjoin/docker-nsjoin/pkg/exit"
	"github.com/nsjoin/docker-nsjoin/plugin/metadata"
)

// evil are texts that a shell would evaluate or a terminal obey.
var evil = []string{"$(id)a", "$(id)b", "`id`", "a;id", "-x", "~root", "a b", "a\nb", "a\x1b[2J", `a\b`, "a'b", "*", "x\t$(id)"}

// hostileEngine is an engine whose names are all evil, but for one of each that is "plain". It returns its address, and
// which paths it was asked for.
func hostileEngine(t *testing.T) (address string, asked func() []string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0") // Wine has no UNIX sockets
	if err != nil {
		t.Fatal(err)
	}
	var containers, images []string
	for i, text := range append([]string{"plain"}, evil...) {
		containers = append(containers, asJSON(map[string]any{
			"Id": fmt.Sprintf("%064x", i), "Names": []string{"/" + text}, "Image": text, "State": "running",
			"Labels": map[string]string{"com.docker.compose.project": text, "com.docker.compose.service": text},
		}))
		images = append(images, asJSON(map[string]any{"Id": fmt.Sprintf("sha256:%064x", i), "RepoTags": []string{text}}))
	}
	var mu sync.Mutex
	var paths []string
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		path := r.URL.Path[strings.LastIndex(r.URL.Path[:len(r.URL.Path)-len(filepath.Base(r.URL.Path))-1], "/")+1:]
		mu.Lock()
		paths = append(paths, path)
		mu.Unlock()
		w.Header().Set("Api-Version", "1.41")
		w.Header().Set("Content-Type", "application/json")
		switch path {
		case "/_ping":
		case "containers/json":
			fmt.Fprintf(w, "[%s]", strings.Join(containers, ","))
		case "images/json":
			fmt.Fprintf(w, "[%s]", strings.Join(images, ","))
		default:
			w.WriteHeader(http.StatusNotFound)
			fmt.Fprint(w, asJSON(map[string]any{"message": strings.Join(evil, "")}))
		}
	})}
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(func() { _ = server.Close() })
	return "tcp://" + listener.Addr().String(), func() []string {
		mu.Lock()
		defer mu.Unlock()
		return paths
	}
}

func asJSON(object map[string]any) string {
	text, _ := json.Marshal(object) // which cannot fail
	return string(text)
}

// Whatever an engine calls what it has, and whatever the caller's contexts and variables are called: no command offers a
// shell what it would evaluate, for its arguments or for a flag.
func TestOffersOfAllCommands(t *testing.T) {
	address, asked := hostileEngine(t)
	dir := t.TempDir()
	defer config.SetDir(config.Dir())
	config.SetDir(dir)
	for i, name := range append([]string{"plain"}, evil...) {
		dir := filepath.Join(dir, "contexts", "meta", fmt.Sprintf("%x", sha256.Sum256(fmt.Append(nil, i))))
		if err := os.MkdirAll(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		meta := asJSON(map[string]any{"Name": name, "Endpoints": map[string]any{"docker": map[string]any{"Host": address}}})
		if err := os.WriteFile(filepath.Join(dir, "meta.json"), []byte(meta), 0o600); err != nil {
			t.Fatal(err)
		}
		t.Setenv(name, "value")
	}
	t.Setenv("DOCKER_CONFIG", dir)
	t.Setenv("DOCKER_HOST", address)
	t.Setenv("XDG_RUNTIME_DIR", t.TempDir())
	where := make(map[string]bool) // that offer what is plain
	visit(t, newRoot(dockercli.New(exit.Plugin, nil, metadata.Version, []string{"nsjoin", "--help"})), where)
	visit(t, newRoot(dockercli.New(exit.Standalone, nil, metadata.Version, []string{"--help"})), where)
	for _, want := range []string{
		"nsjoin", "nsjoin --net", "nsjoin --names", "nsjoin --env", "nsjoin --context", "ls", "ls --filter", "inspect", "connect", "forward", "entrypoint",
		"debug", "debug --tools", "mount", "mount --from", "umount", "each", "each --project", "each --service", "each --context",
	} {
		if !where[want] {
			t.Errorf("%s does not offer what is plain", want)
		}
	}
	for _, want := range []string{"containers/json", "images/json"} {
		if !slices.Contains(asked(), want) {
			t.Errorf("the engine was not asked for %s", want)
		}
	}
}

// visit asks a command and those below it for all that they offer.
func visit(t *testing.T, cmd *cobra.Command, where map[string]bool) {
	t.Helper()
	cmd.SetContext(t.Context())
	check := func(name string, f cobra.CompletionFunc, args ...string) {
		for _, typed := range []string{"", "p", "$", "a", "@", "plain@", "container:", "image:", "name=", "shares=", "plain,", "x"} {
			list, _ := f(cmd, args, typed)
			if harmless := offers.Harmless(list); !slices.Equal(harmless, list) || strings.ContainsAny(strings.Join(list, ""), "$`;*'\\\n\x1b") {
				t.Errorf("%s %q %q: %q is offered, %q is harmless", name, args, typed, list, harmless)
			}
			where[name] = where[name] || slices.ContainsFunc(list, func(offer string) bool { return strings.Contains(offer, "plain") })
		}
	}
	if f := cmd.ValidArgsFunction; f != nil { //nolint:forbidigo // it is called, not set
		check(cmd.Name(), f)
		check(cmd.Name(), f, "nosuch")
		check(cmd.Name(), f, "nosuch", "other")
	}
	for _, flags := range []*pflag.FlagSet{cmd.Flags(), cmd.PersistentFlags()} {
		flags.VisitAll(func(flag *pflag.Flag) {
			if f, ok := cmd.GetFlagCompletionFunc(flag.Name); ok {
				check(cmd.Name()+" --"+flag.Name, f)
			}
		})
	}
	for _, sub := range cmd.Commands() {
		visit(t, sub, where)
	}
}
