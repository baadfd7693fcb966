package payload

import _ "embed"

//go:embed helpers/linux_arm64
var embedded string
