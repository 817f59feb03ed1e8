//go:build !linux

package run

import "os/exec"

// runTied runs cmd.
func runTied(cmd *exec.Cmd) error { return cmd.Run() }
