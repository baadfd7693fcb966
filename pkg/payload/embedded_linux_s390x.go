package payload

import _ "embed"

//go:embed helpers/linux_s390x
var embedded string
