// Dynamic is the first process of the test image nsjoin-musl, which has no shell. It is linked dynamically with musl:
// scripts/images builds it with musl's loader as its interpreter, without a C compiler.
package main

import (
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
)

// libc.so is how musl-gcc names the library. The loader is that library itself.
//
//go:cgo_import_dynamic _ _ "libc.so"

// main prints its arguments, or waits for the signal that stops it.
func main() {
	if len(os.Args) > 1 {
		fmt.Println(strings.Join(os.Args[1:], " "))
		return
	}
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM, os.Interrupt)
	<-stop
}
