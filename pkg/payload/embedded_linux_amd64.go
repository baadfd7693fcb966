package payload

import _ "embed"

//go:embed helpers/linux_amd64
var embedded string
