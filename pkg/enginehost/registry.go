package enginehost

import (
	"context"
	"strings"

	"github.com/nsjoin/docker-nsjoin/pkg/engine/pull"
	"github.com/nsjoin/docker-nsjoin/pkg/progress"
)

// registryAuth returns the user's credentials for an image's registry as the engine's API takes them, from the Docker
// CLI's configuration; "" for none.
func (h *Host) registryAuth(image string) string {
	config, err := h.cli.Config()
	if err != nil {
		return ""
	}
	auth, err := config.GetAuthConfig(registryOf(image))
	if err != nil {
		return ""
	}
	return pull.Encode(pull.Credentials{
		Username: auth.Username, Password: auth.Password, Auth: auth.Auth, ServerAddress: auth.ServerAddress,
		IdentityToken: auth.IdentityToken, RegistryToken: auth.RegistryToken,
	})
}

// registryOf returns the key of an image's registry in the configuration.
func registryOf(image string) string {
	const hub = "https://index.docker.io/v1/"
	host, _, path := strings.Cut(image, "/")
	if path && host != "docker.io" && (strings.ContainsAny(host, ".:") || host == "localhost") {
		return host
	}
	return hub
}

// Pull has the engine pull an image, and shows how far that is.
func (h *Host) Pull(ctx context.Context, name string) error {
	client, err := h.Connection.Client()
	if err != nil {
		return err
	}
	var far pull.Progress
	line := progress.Start("pulling "+name, far.String)
	defer line.End()
	return pull.Image(ctx, client, name, h.registryAuth(name), &far)
}
