package pull

import "github.com/docker/docker/api/types/registry"

// Credentials are a user's credentials for a registry.
type Credentials = registry.AuthConfig

// Encode returns credentials as Image takes them; "" for none.
func Encode(c Credentials) string {
	if c.Username == "" && c.IdentityToken == "" && c.RegistryToken == "" {
		return ""
	}
	text, err := registry.EncodeAuthConfig(c)
	if err != nil {
		return ""
	}
	return text
}
