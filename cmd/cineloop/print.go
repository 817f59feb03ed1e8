package main

import (
	"encoding/json"
	"fmt"
	"io"

	"github.com/cineloop/cineloop/run"
)

// printJSON writes a value for programs, indented for people who look in.
func printJSON(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}

// printMetrics ends a command that scored a run: metrics as JSON, or their summary and where the rest is. What it returns says
// whether every item was used.
func printMetrics(io ioStreams, r *run.Run, m *run.Metrics, asJSON bool, where string) error {
	if asJSON {
		if err := printJSON(io.Out, m); err != nil {
			return err
		}
	} else {
		run.Summarise(io.Out, m)
		fmt.Fprintln(io.Out, where)
	}
	return r.Partial()
}
