// Command cineloop is the whole system in one program. Each command has a file of its own: flags, then one call.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/cineloop/cineloop/internal/fault"
)

func main() { os.Exit(mainStatus()) }

// mainStatus runs the command line and returns the exit status. A first interrupt cancels the work, which stops at its next safe
// point; a second one ends the process at once.
func mainStatus() int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop)
	io := ioStreams{In: os.Stdin, Out: os.Stdout, Err: os.Stderr}
	err := newRootCmd(io).ExecuteContext(ctx)
	if err == nil {
		return 0
	}
	err = usageFault(err)
	fmt.Fprintln(os.Stderr, "cineloop:", err)
	return fault.ExitStatus(err)
}

// usageFault gives cobra's own errors, which carry no code, the usage code.
func usageFault(err error) error {
	if fault.CodeOf(err) != fault.Internal {
		return err
	}
	for _, p := range []string{"unknown command", "unknown flag", "unknown shorthand", "accepts ", "requires at least", "invalid argument", "required flag", "flag needs an argument"} {
		if strings.HasPrefix(err.Error(), p) {
			return fault.New(fault.Usage, "%w", err).WithHint("see cineloop --help")
		}
	}
	return err
}
