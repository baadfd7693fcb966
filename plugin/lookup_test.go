package main

import (
	"fmt"
	"net"
	"os"
	"testing"
)

// lookUpVariable makes the test program look a name up, as a program in pure Go does.
const lookUpVariable = "NSJOIN_TEST_LOOK_UP"

// TestLookUp is not a test of its own: a script runs it as a command in a container's network.
func TestLookUp(t *testing.T) {
	name := os.Getenv(lookUpVariable)
	if name == "" {
		return
	}
	r := &net.Resolver{PreferGo: true}
	if _, err := r.LookupHost(t.Context(), name); err != nil {
		t.Fatal(err)
	}
	fmt.Println("found")
}
