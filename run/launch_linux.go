package run

import (
	"os/exec"
	"runtime"
	"syscall"
)

// runTied runs cmd and has the kernel end it if this process is killed. The kernel ties it to the thread that started it, so that thread
// is kept until the process has ended.
func runTied(cmd *exec.Cmd) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	return cmd.Run()
}
