package payload

import _ "embed"

//go:embed helpers/linux_riscv64
var embedded string
