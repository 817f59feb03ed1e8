package main

import (
	"fmt"

	"github.com/cineloop/cineloop/annotate/agree"
)

// printAssistance prints what became of a model's answers, and how well people told which were its.
func printAssistance(io ioStreams, r *agree.Report) {
	if len(r.Edits) > 0 {
		fmt.Fprintln(io.Out, "\nreadings that began with the model's answers")
		w := newTable(io.Out)
		for _, e := range r.Edits {
			label := e.Reader
			if e.Item != "" {
				label = e.Item + ", " + e.Reader
			}
			for _, m := range e.Measures {
				printMeasure(w, label, m)
			}
			if e.Added > 0 {
				fmt.Fprintf(w, "  %s\tadded\t%d\t\t\n", label, e.Added)
			}
		}
		w.Flush()
	}
	if len(r.Blinding) > 0 {
		fmt.Fprintln(io.Out, "\nwhich was made by AI: right, wrong, don't know")
		w := newTable(io.Out)
		for _, b := range r.Blinding {
			fmt.Fprintf(w, "  %s (%s)\t%d, %d, %d\t\t\t\n", b.Reader, b.Arm, b.Right, b.Wrong, b.Unknown)
			for _, m := range b.Measures {
				printMeasure(w, b.Reader, m)
			}
			for _, n := range b.Notes {
				fmt.Fprintln(w, "  "+n)
			}
		}
		w.Flush()
	}
}
