package enginehost

import "testing"

func TestRegistryOf(t *testing.T) {
	const hub = "https://index.docker.io/v1/"
	for image, want := range map[string]string{
		"busybox": hub, "library/busybox:1.37": hub, "docker.io/library/busybox": hub, "ghcr.io/a/b:1": "ghcr.io",
		"localhost/x": "localhost", "host:5000/x": "host:5000", "busybox:5000": hub,
	} {
		if got := registryOf(image); got != want {
			t.Errorf("%s: %s, want %s", image, got, want)
		}
	}
}
