package payload

import _ "embed"

//go:embed helpers/linux_ppc64le
var embedded string
