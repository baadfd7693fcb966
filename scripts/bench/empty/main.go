// docker-empty is a Docker CLI plugin that does nothing. Its time is the cost of calling any plugin.
package main

import "os"

func main() {
	if len(os.Args) > 1 && os.Args[1] == "docker-cli-plugin-metadata" {
		_, _ = os.Stdout.WriteString(`{"SchemaVersion":"0.1.0","Vendor":"docker-nsjoin","Version":"0"}`)
	}
}
