package payload

import _ "embed"

//go:embed helpers/linux_arm
var embedded string
